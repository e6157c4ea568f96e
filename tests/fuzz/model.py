"""What the service must answer, told a second time: a model whose state is a set of refunds and the used signatures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from refund_api.domain import BOOKED, CHINA

from .orders import Booking

TOLERANCE = timedelta(seconds=300)


Content = tuple[Any, ...]
"""Every signed member as it stands on the wire: equal contents are the same request."""


@dataclass(frozen=True)
class Asked:
    """A request. `signed_for` is the content that its signature was made for: another one, where it was stolen."""

    order_number: str
    passengers: frozenset[str]
    scheme: str
    signed_at: datetime
    content: Content
    signed_for: Content


@dataclass
class Model:
    """The refunds of every order, by their passengers; and what each legacy signature was used for first."""

    orders: Mapping[str, Booking]
    refunds: dict[tuple[str, frozenset[str]], str] = field(default_factory=dict)
    used: dict[Content, Content] = field(default_factory=dict)

    def code(self, asked: Asked, now: datetime) -> int:
        """The code of README's table, judged in its order; remembers what a legacy signature was used for."""
        if abs(now - asked.signed_at) > TOLERANCE:
            return 1002
        first = self.used.setdefault(asked.signed_for, asked.content) if asked.scheme == "legacy" else asked.signed_for
        return 1002 if first != asked.content else self._of_order(asked, now)

    def _of_order(self, asked: Asked, now: datetime) -> int:
        order = self.orders.get(asked.order_number)
        if order is None:
            return 2001
        if (asked.order_number, asked.passengers) in self.refunds:
            return 1
        if not asked.passengers <= set(order.passengers):
            return 2002
        if asked.passengers & self.refunded(asked.order_number):
            return 2004
        if order.state != BOOKED:
            return 2005
        return 2003 if order.train_date - now.astimezone(CHINA).date() <= timedelta(days=30) else 1

    def refunded(self, order_number: str) -> set[str]:
        """Every passenger of the order who was refunded."""
        return {passenger for number, passengers in self.refunds if number == order_number for passenger in passengers}

    def items(self) -> dict[str, set[tuple[str, str]]]:
        """Refund number -> (order number, passenger id), as the ledger must have them."""
        return {
            refund_id: {(order_number, passenger) for passenger in passengers}
            for (order_number, passengers), refund_id in self.refunds.items()
        }
