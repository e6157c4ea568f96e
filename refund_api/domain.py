"""The rules of a cancellation, in frozen values. No wire, no database, no clock of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from enum import Enum

CHINA = timezone(timedelta(hours=8), "UTC+8")
NOTICE_DAYS = 30
"""Days ahead that the legacy site asks for; a setting may ask for others."""

BOOKED = "booked"
CANCELLED = "cancelled"


class Refusal(Enum):
    """Why an order cannot be cancelled as asked; the value is the code that clients read."""

    ORDER_NOT_FOUND = 2001
    PASSENGER_NOT_IN_ORDER = 2002
    DEPARTS_TOO_SOON = 2003
    ALREADY_CANCELLED = 2004
    ORDER_NOT_CANCELLABLE = 2005


@dataclass(frozen=True, slots=True)
class Order:
    """An order of the shop. `train_date` is a date in China."""

    order_number: str
    train_date: date
    state: str
    currency: str


@dataclass(frozen=True, slots=True)
class Cancellation:
    """What is asked for: passengers of one order, ids canonical (lower-case GUIDs), at least one."""

    order_number: str
    passenger_ids: frozenset[str]
    reason: str | None

    @property
    def set_hash(self) -> str:
        """SHA-256 (hex) of the sorted ids: equal for every order, spelling and repetition of them."""
        return hashlib.sha256(",".join(sorted(self.passenger_ids)).encode("ascii")).hexdigest()


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund to record. `items` is passenger id -> minor units; `decided_at` the one `now` of the request (UTC)."""

    order_number: str
    refund_id: str
    set_hash: str
    items: Mapping[str, int]
    currency: str
    reason: str | None
    decided_at: datetime
    source: str
    kid: str
    request_id: str

    @property
    def amount_minor(self) -> int:
        """What is paid back, in minor units of the currency."""
        return sum(self.items.values())


@dataclass(frozen=True, slots=True)
class Nonce:
    """A legacy signature, usable for one thing: `value` and `fingerprint` are SHA-256 (hex)."""

    value: str
    fingerprint: str
    expires_at: datetime


def judge(
    order: Order,
    paid: Mapping[str, int],
    refunded: Set[str],
    cancellation: Cancellation,
    now: datetime,
    notice_days: int,
) -> Refusal | None:
    """Whether these passengers may be cancelled now; None means yes. The order of the questions is the contract."""
    wanted = cancellation.passenger_ids
    if not wanted <= paid.keys():
        return Refusal.PASSENGER_NOT_IN_ORDER
    if wanted & refunded:
        return Refusal.ALREADY_CANCELLED
    if order.state != BOOKED:
        return Refusal.ORDER_NOT_CANCELLABLE
    if order.train_date - now.astimezone(CHINA).date() <= timedelta(days=notice_days):
        return Refusal.DEPARTS_TOO_SOON
    return None
