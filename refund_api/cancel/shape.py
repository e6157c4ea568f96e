"""The request in domain words, once its shape is right."""

from __future__ import annotations

from xml_contracts.refund import TicketRefundRequest

from ..domain import Cancellation
from ..rules import items_of


def read_cancellation(request: TicketRefundRequest) -> Cancellation:
    """Contract words into domain words; the shape must be valid. A passenger who is named twice counts once."""
    passenger_ids = frozenset(items_of(request.refund_passanger_ids))
    return Cancellation(request.order_number or "", passenger_ids, request.refund_reason)
