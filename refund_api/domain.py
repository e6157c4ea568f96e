"""The rules of a cancellation, in frozen values. No wire, no database, no clock of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Set
from datetime import date, datetime, timedelta, timezone
from enum import Enum

from .values import value_class

CHINA = timezone(timedelta(hours=8), "UTC+8")
"""Train dates are dates in this zone."""
NOTICE_DAYS = 30
"""How many days ahead a train must leave, unless a setting asks for others."""

BOOKED = "booked"
CANCELLED = "cancelled"


class Refusal(Enum):
    """Why an order cannot be cancelled as asked; the value is the code that clients read."""

    ORDER_NOT_FOUND = 2001
    PASSENGER_NOT_IN_ORDER = 2002
    DEPARTS_TOO_SOON = 2003
    ALREADY_CANCELLED = 2004
    ORDER_NOT_CANCELLABLE = 2005


@value_class(frozen=True, slots=True)
class Order:
    """An order of the shop. `train_date` is a date in China."""

    order_number: str
    train_date: date
    state: str
    currency: str


@value_class(frozen=True, slots=True)
class Passenger:
    """A passenger of an order: minor units paid, and whether another channel than this service cancelled them."""

    paid_minor: int
    cancelled_elsewhere: bool = False


@value_class(frozen=True, slots=True)
class History:
    """What the ledger knows of an order that is asked for, while the order is locked.

    `passengers` has every passenger by id, `refunded` the ids of those refunded here. `equal_refund` is the id of the
    refund of exactly the passengers that are asked for (Cancellation.set_hash); None when there is none.
    """

    passengers: Mapping[str, Passenger]
    refunded: Set[str]
    equal_refund: str | None


def cancelled_passengers(passengers: Mapping[str, Passenger], refunded: Set[str]) -> Set[str]:
    """The ids of an order that are cancelled: refunded here, or through another channel."""
    return refunded | {passenger_id for passenger_id, known in passengers.items() if known.cancelled_elsewhere}


@value_class(frozen=True, slots=True)
class Cancellation:
    """What is asked for: passengers of one order, ids canonical (lower-case GUIDs), at least one."""

    order_number: str
    passenger_ids: frozenset[str]
    reason: str | None

    @property
    def set_hash(self) -> str:
        """SHA-256 (hex) of the sorted ids: the same for the same passengers, in whatever order a request lists them."""
        return hashlib.sha256(",".join(sorted(self.passenger_ids)).encode("ascii")).hexdigest()


@value_class(frozen=True, slots=True)
class Refund:
    """A refund to record.

    `items` is passenger id -> minor units of `currency`. `decided_at` (aware, UTC) is when the request was judged.
    """

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


@value_class(frozen=True, slots=True)
class Nonce:
    """Binds a signature that covers only a part of its request to the request that used it first.

    `value` (SHA-256, hex) stands for what is signed, `fingerprint` (SHA-256, hex) for the whole request. After
    `expires_at` (aware, UTC) the signature is too old anyway, so the nonce may be deleted.
    """

    value: str
    fingerprint: str
    expires_at: datetime


def judge(
    order: Order,
    passenger_ids: Set[str],
    cancelled: Set[str],
    cancellation: Cancellation,
    now: datetime,
    notice_days: int,
) -> Refusal | None:
    """Why these passengers cannot be cancelled now; None when they can.

    `passenger_ids` has every passenger of the order, `cancelled` those that were cancelled before, here or elsewhere.
    Where several reasons hold, the contract says which one is told, so the order of the questions matters.
    """
    if not cancellation.passenger_ids <= passenger_ids:
        return Refusal.PASSENGER_NOT_IN_ORDER
    if cancellation.passenger_ids & cancelled:
        return Refusal.ALREADY_CANCELLED
    if order.state != BOOKED:
        return Refusal.ORDER_NOT_CANCELLABLE
    if order.train_date - now.astimezone(CHINA).date() <= timedelta(days=notice_days):
        return Refusal.DEPARTS_TOO_SOON
    return None
