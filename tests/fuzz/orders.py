"""The orders that are in the ledger while it is fuzzed: most may be cancelled, some not."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from refund_api.domain import BOOKED, Order
from refund_api.storage.shop.importing import ImportedOrder
from tests.world import FAR_DAY

_STATES = (BOOKED,) * 8 + ("ticketed",)
_DAYS_LATER = (0, 1, 30, 200, 0, 1, 30, 200, -1)
"""Days after the first day of departure on which an order may be cancelled."""


@dataclass(frozen=True)
class Booking:
    """An order of the shop."""

    order_number: str
    passengers: tuple[str, ...]
    train_date: date = FAR_DAY
    state: str = BOOKED

    def imported(self, line: int) -> ImportedOrder:
        """As `orders import` reads it; every passenger paid another amount."""
        order = Order(self.order_number, self.train_date, self.state, "CNY")
        return ImportedOrder(line, order, {p: 100 * line + n for n, p in enumerate(self.passengers)})


def bookings(rng: random.Random, count: int) -> Iterator[Booking]:
    """Orders of one to five passengers."""
    for number in range(count):
        passengers = tuple(str(uuid.UUID(int=rng.getrandbits(128), version=4)) for _ in range(rng.randint(1, 5)))
        departs = FAR_DAY + timedelta(days=rng.choice(_DAYS_LATER))
        yield Booking(f"CTT{rng.getrandbits(40)}-{number}", passengers, departs, rng.choice(_STATES))
