"""The refund service: one action, `POST api/order/cancel`, in front of a ledger."""
