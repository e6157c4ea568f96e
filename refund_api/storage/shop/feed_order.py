"""One order as the shop tells of it: which members it has, and all that is wrong with a line at once.

Both forms of a feed, JSON Lines and CSV, give members by name; what each must be is written here, once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from ...domain import CANCELLED, Order

MAX_MINOR: Final = 10**15
"""The most one passenger can have paid."""
MAX_PASSENGERS_OF_ORDER: Final = 1000
"""The most that an order can have. Times MAX_MINOR that is less than 2**63, so sums of an order fit both engines."""
YEARS: Final = range(2000, 2100)
"""The years of a date or time that means what it says; databases know dates like 1900-01-01 and 9999-12-31 for none."""

_MISSING: Any = object()
_MOST_FAULTS = 10  # of one line that are told; a thousand passengers may all have the same
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})? ?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_STATE = re.compile(r"[a-z_]{1,16}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ORDER_NUMBER = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,64}")  # no control character, no lone surrogate


class ImportedOrder(NamedTuple):
    """A line: its number from 1, the order, passenger id (lower case) -> minor units paid, who is cancelled elsewhere.

    `as_of` (aware) is when the shop knew this; None: when the import began.
    """

    line: int
    order: Order
    paid: Mapping[str, int]
    cancelled_elsewhere: Collection[str] = frozenset()
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class BadLine:
    """All that keeps a line (from 1) from being imported."""

    line: int
    faults: tuple[str, ...]


class Member(NamedTuple):
    """`convert` gives the value, or None for one that does not fit; `otherwise` says what would."""

    convert: Callable[[object], Any]
    otherwise: str
    needed: bool = True


def _text(pattern: re.Pattern[str]) -> Callable[[object], str | None]:
    return lambda value: value if isinstance(value, str) and pattern.fullmatch(value) else None


def _order_number(value: object) -> str | None:
    fits = isinstance(value, str) and _ORDER_NUMBER.fullmatch(value) and not value.isspace()
    return str(value) if fits else None


@lru_cache(maxsize=4096)
def _date_of(text: str) -> date | None:
    if not _DATE.fullmatch(text):  # fromisoformat alone takes 20300101 and 2030-W01-1 as well
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in YEARS else None


@lru_cache(maxsize=4096)
def _time_of(text: str) -> datetime | None:
    if not _TIME.fullmatch(text):
        return None
    try:
        time = datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-").replace(" Z", "Z"))
    except ValueError:
        return None
    return time if time.year in YEARS else None


def _guid(value: object) -> str | None:
    return value.lower() if isinstance(value, str) and _GUID.fullmatch(value) else None


def _amount(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= MAX_MINOR else None


_A_DATE = f"not a date YYYY-MM-DD from {YEARS[0]} to {YEARS[-1]}"
ORDER_MEMBERS: Final = {
    "order_number": Member(_order_number, "blank, or not 1 to 64 characters without control characters"),
    "train_date": Member(lambda value: _date_of(value) if isinstance(value, str) else None, _A_DATE),
    "state": Member(_text(_STATE), "not 1 to 16 of a-z and _"),
    "currency": Member(_text(_CURRENCY), "not three capital letters"),
    "as_of": Member(
        lambda value: _time_of(value) if isinstance(value, str) else None,
        "not a time with its zone, as 2027-06-01T08:00:00Z",
        needed=False,
    ),
}
PASSENGER_MEMBERS: Final = {
    "passenger_id": Member(_guid, "not a GUID with hyphens"),
    "paid_minor": Member(_amount, f"not an integer from 0 to {MAX_MINOR}"),
    "cancelled_elsewhere": Member(
        lambda value: value if isinstance(value, bool) else None, "not true or false", needed=False
    ),
}


def order_of(line: int, members: object, faults: list[str], latest: datetime) -> ImportedOrder | BadLine:
    """The order of a line; or its faults, with those that were found before. No `as_of` may be after `latest`."""
    paid: dict[str, int] = {}
    elsewhere: set[str] = set()
    passengers = members.pop("passengers", _MISSING) if isinstance(members, dict) else []
    converted = convert_order(members, faults, latest)
    if passengers is _MISSING:
        faults.append("passengers is missing")
    elif not isinstance(passengers, list):
        faults.append("passengers: not a list")
    elif len(passengers) > MAX_PASSENGERS_OF_ORDER:
        faults.append(f"passengers: {len(passengers)}, more than {MAX_PASSENGERS_OF_ORDER}")
    else:
        for member in passengers:
            add_passenger(member, paid, elsewhere, faults)
    return bad_line(line, faults) if faults else imported_order(line, converted, paid, elsewhere)


def imported_order(
    line: int, converted: Mapping[str, Any], paid: Mapping[str, int], elsewhere: Collection[str]
) -> ImportedOrder:
    """The order of members that have no fault."""
    order = Order(converted["order_number"], converted["train_date"], converted["state"], converted["currency"])
    return ImportedOrder(line, order, paid, elsewhere, converted.get("as_of"))


def bad_line(line: int, faults: list[str]) -> BadLine:
    """The line with each of its faults once, but not with hundreds of them."""
    told = list(dict.fromkeys(faults))
    more = len(told) - _MOST_FAULTS
    return BadLine(line, (*told[:_MOST_FAULTS], *([f"and {more} faults more"] if more > 0 else [])))


def convert_order(members: object, faults: list[str], latest: datetime) -> dict[str, Any]:
    """The members of an order, converted, but not its passengers; what is wrong is added to the faults."""
    converted = _convert("the line", members, ORDER_MEMBERS, faults)
    if converted.get("state") == CANCELLED:
        faults.append(
            f'state "{CANCELLED}": the word of the ledger; mark the passengers as cancelled_elsewhere instead'
        )
    as_of = converted.get("as_of")
    if as_of is not None and as_of > latest:
        faults.append(f"as_of {as_of.isoformat()}: in the future")
    return converted


def add_passenger(member: object, paid: dict[str, int], elsewhere: set[str], faults: list[str]) -> None:
    """Add a passenger to those of the order; what is wrong is added to the faults."""
    converted = _convert("a passenger", member, PASSENGER_MEMBERS, faults)
    passenger_id = converted.get("passenger_id")
    if passenger_id in paid:
        faults.append(f"passenger_id {passenger_id} is there twice")
    elif passenger_id is not None:
        paid[passenger_id] = converted.get("paid_minor", 0)
        if converted.get("cancelled_elsewhere"):
            elsewhere.add(passenger_id)


def _convert(what: str, members: object, table: Mapping[str, Member], faults: list[str]) -> dict[str, Any]:
    converted: dict[str, Any] = {}
    if not isinstance(members, dict):
        faults.append(f"{what} is not an object")
        return converted
    for name, (convert, otherwise, is_needed) in table.items():
        value = members.get(name, _MISSING)
        if value is not _MISSING:
            fitting = convert(value)
            if fitting is None:
                faults.append(f"{name} {_shown(value)}: {otherwise}")
            else:
                converted[name] = fitting
        elif is_needed:
            faults.append(f"{name} is missing")
    if len(members) > len(converted):
        faults.extend(f"unknown key {_shown(name)}" for name in members if name not in table)
    return converted


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:80]}…"
