"""Plausible orders for a first look: the same seed and day give the same orders."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final

from ..storage.shop.demo_ledger import DEMO_PREFIX

DEFAULT_COUNT: Final = 300
DEPARTS_IN_DAYS: Final = (5, 90)
MOST_PASSENGERS: Final = 5

_FARES = (5450, 14450, 18050, 26300, 44350, 55350, 66200, 93300, 174800)
"""Fares from second class to business class, in fen (1/100 yuan)."""


def demo_orders(seed: int, count: int, today: date) -> Iterator[dict[str, Any]]:
    """`count` orders in the shape `orders import` reads."""
    rng = random.Random(f"{seed} {today}")
    orders: dict[str, dict[str, Any]] = {}
    while len(orders) < count:
        order = _order(rng, today)
        orders[order["order_number"]] = order
    yield from orders.values()


def _order(rng: random.Random, today: date) -> dict[str, Any]:
    placed = today - timedelta(days=rng.randint(0, 20))
    days_ahead = rng.randint(*DEPARTS_IN_DAYS)
    fare = rng.choice(_FARES)
    return {
        "order_number": f"{DEMO_PREFIX}{placed:%Y%m%d}{_time_of_day(rng)}",
        "train_date": (today + timedelta(days=days_ahead)).isoformat(),
        "state": _state(rng, days_ahead),
        "currency": "CNY",
        "passengers": [_passenger(rng, fare) for _ in range(rng.randint(1, MOST_PASSENGERS))],
    }


def _time_of_day(rng: random.Random) -> str:
    return f"{rng.randrange(24):02}{rng.randrange(60):02}{rng.randrange(60):02}{rng.randrange(1000):03}"


def _state(rng: random.Random, days_ahead: int) -> str:
    """Most orders that depart within two weeks are ticketed; of the others, few are."""
    return "ticketed" if rng.random() < (0.8 if days_ahead < 15 else 0.03) else "booked"


def _passenger(rng: random.Random, fare: int) -> dict[str, Any]:
    is_child = rng.random() < 0.15
    passenger_id = uuid.UUID(int=rng.getrandbits(128), version=4)
    return {"passenger_id": str(passenger_id), "paid_minor": fare // 2 if is_child else fare}
