"""The import file: JSON Lines of orders. Every line is checked before any order is written.

The file is read twice and not kept in memory, except for its order numbers, which show repetitions.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from ...domain import Order

MAX_MINOR = 10**15
"""The most one passenger can have paid."""
MAX_PASSENGERS_OF_ORDER = 1000
"""The most that an order can have. Times MAX_MINOR that is less than 2**63, so sums of an order fit both engines."""

_ORDER_KEYS = ("order_number", "train_date", "state", "currency", "passengers")
_PASSENGER_KEYS = ("passenger_id", "paid_minor")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_STATE = re.compile(r"[a-z_]{1,16}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class ImportedOrder:
    """A line: its number from 1, the order, and passenger id (lower case) -> minor units paid."""

    line: int
    order: Order
    paid: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class BadLine:
    """Why a line (from 1) cannot be imported."""

    line: int
    reason: str


class ImportedOrders:
    """The orders of a checked file, read anew each time. Iterating raises ValueError at a bad line."""

    def __init__(self, lines: Iterable[str | bytes], count: int) -> None:
        self._lines = lines
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[ImportedOrder]:
        for entry in _read(self._lines):
            if isinstance(entry, BadLine):
                raise ValueError(f"line {entry.line}: {entry.reason}")
            yield entry


def read_import(lines: Iterable[str | bytes]) -> tuple[ImportedOrders, list[BadLine]]:
    """Check every line. `lines`: a file opened in binary (better) or text, or anything to iterate over."""
    if iter(lines) is lines and not _rewind(lines):
        lines = list(lines)
    count = 0
    bad_lines: list[BadLine] = []
    seen: set[str] = set()
    for entry in _read(lines):
        if isinstance(entry, BadLine):
            bad_lines.append(entry)
        elif entry.order.order_number in seen:
            bad_lines.append(BadLine(entry.line, f"order_number {entry.order.order_number} is on an earlier line too"))
        else:
            seen.add(entry.order.order_number)
            count += 1
    return ImportedOrders(lines, count), bad_lines


def _rewind(lines: Any) -> bool:
    seekable: bool = hasattr(lines, "seekable") and lines.seekable()
    if seekable:
        lines.seek(0)
    return seekable


def _read(lines: Iterable[str | bytes]) -> Iterator[ImportedOrder | BadLine]:
    _rewind(lines)
    for number, line in enumerate(lines, 1):
        try:
            text = line.decode("utf-8") if isinstance(line, bytes) else line
            if number == 1:
                text = text.removeprefix("\ufeff")
            if text.strip():
                yield _read_line(number, text)
        except UnicodeDecodeError:
            yield BadLine(number, "not UTF-8")
        except _LineRefused as refused:
            yield BadLine(number, str(refused))


class _LineRefused(Exception):
    """The reason a line is refused."""


def _read_line(number: int, text: str) -> ImportedOrder:
    try:
        value = json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError):  # too deep is a RecursionError, an integer too long a plain ValueError
        raise _LineRefused("not JSON") from None
    _check_keys("the line", value, _ORDER_KEYS)
    order = Order(
        _text("order_number", value, _is_order_number, "blank, or not 1 to 64 characters without control characters"),
        _date(value["train_date"]),
        _text("state", value, _STATE.fullmatch, "not 1 to 16 of a-z and _"),
        _text("currency", value, _CURRENCY.fullmatch, "not three capital letters"),
    )
    return ImportedOrder(number, order, _read_passengers(value["passengers"]))


def _read_passengers(value: object) -> dict[str, int]:
    if not isinstance(value, list):
        raise _LineRefused("passengers: not a list")
    if len(value) > MAX_PASSENGERS_OF_ORDER:
        raise _LineRefused(f"passengers: {len(value)}, more than {MAX_PASSENGERS_OF_ORDER}")
    paid: dict[str, int] = {}
    for passenger in value:
        _check_keys("a passenger", passenger, _PASSENGER_KEYS)
        passenger_id = _text("passenger_id", passenger, _GUID.fullmatch, "not a GUID with hyphens").lower()
        if passenger_id in paid:
            raise _LineRefused(f"passenger_id {passenger_id} is there twice")
        amount = passenger["paid_minor"]
        if type(amount) is not int or not 0 <= amount <= MAX_MINOR:
            raise _LineRefused(f"paid_minor {_shown(amount)}: not an integer from 0 to {MAX_MINOR}")
        paid[passenger_id] = amount
    return paid


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise _LineRefused(f"the key {_shown(name)} is there twice")
        members[name] = value
    return members


def _check_keys(what: str, value: object, keys: tuple[str, ...]) -> None:
    if not isinstance(value, dict):
        raise _LineRefused(f"{what} is not an object")
    for key in keys:
        if key not in value:
            raise _LineRefused(f"{key} is missing")
    for key in value:
        if key not in keys:
            raise _LineRefused(f"unknown key {_shown(key)}")


def _text(name: str, value: Mapping[str, Any], fits: Any, otherwise: str) -> str:
    text = value[name]
    if not isinstance(text, str) or not fits(text):
        raise _LineRefused(f"{name} {_shown(text)}: {otherwise}")
    return text


def _is_order_number(value: str) -> bool:
    # Cc: control characters, NUL among them. Cs: a lone surrogate, which no database takes.
    return (
        1 <= len(value) <= 64
        and not value.isspace()
        and not any(unicodedata.category(c) in {"Cc", "Cs"} for c in value)
    )


def _date(value: object) -> date:
    # fromisoformat alone takes 20300101 and 2030-W01-1 as well.
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise _LineRefused(f"train_date {_shown(value)}: not a date YYYY-MM-DD")


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:80]}…"
