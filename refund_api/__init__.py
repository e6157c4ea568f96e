"""The refund service: one action, `POST api/order/cancel`, in front of a ledger."""

__version__ = "0.1.0"
