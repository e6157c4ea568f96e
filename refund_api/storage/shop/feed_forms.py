"""The two forms of a feed: JSON Lines, an order a line; and CSV, a passenger a row, with the rows of an order together.

Which form it is the first line tells: CSV begins with a row of names, among them order_number.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from .feed_order import (
    MAX_PASSENGERS_OF_ORDER,
    ORDER_MEMBERS,
    PASSENGER_MEMBERS,
    BadLine,
    ImportedOrder,
    add_passenger,
    bad_line,
    convert_order,
    imported_order,
    order_of,
)
from .feed_text import TextLine

_COLUMNS: Final = {**ORDER_MEMBERS, **PASSENGER_MEMBERS}
_WHOLE_NUMBER: Final = re.compile("-?[0-9]{1,20}")
_TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False}
Lines = Iterator[TextLine | BadLine]
Entries = Iterator[ImportedOrder | BadLine]


def read_orders(lines: Lines, latest: datetime) -> Entries:
    """The orders and the bad lines of a feed, in its order. No `as_of` may be after `latest`."""
    for line in lines:
        if isinstance(line, BadLine):
            yield line
        elif _is_header(line.text):
            yield from _CsvOrders(line, latest).read(lines)
            return
        else:
            read_json = _JsonReader(latest)
            yield read_json(line)
            yield from (rest if isinstance(rest, BadLine) else read_json(rest) for rest in lines)


def _is_header(text: str) -> bool:
    return not text.lstrip().startswith(("{", "[")) and "order_number" in _cells(text, [])


class _JsonReader:
    """Reads an order of JSON. A key that is there twice is a fault, and its last value counts as read.

    Only a hook sees keys that are there twice, and it takes as long as all the rest. So it sees only lines that have
    other quotes than the keys and texts of what was read.
    """

    def __init__(self, latest: datetime) -> None:
        self._latest = latest
        self._faults: list[str] = []
        self._decode_with_hook = json.JSONDecoder(object_pairs_hook=self._object).decode

    def __call__(self, line: TextLine) -> ImportedOrder | BadLine:
        self._faults.clear()
        try:
            members = json.loads(line.text)
            if line.text.count('"') != _quotes(members):
                members = self._decode_with_hook(line.text)
        except (ValueError, RecursionError):  # too deep is a RecursionError, an integer too long a plain ValueError
            return BadLine(line.number, ("not JSON",))
        return order_of(line.number, members, self._faults, self._latest)

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) < len(pairs):
            names = [name for name, _ in pairs]
            twice = {name for name in names if names.count(name) > 1}
            self._faults.extend(f"the key {json.dumps(name)} is there twice" for name in sorted(twice))
        return members


def _quotes(members: Any) -> int:
    """The quotes of an order in JSON without escapes: two a key and two a text; -1 for what is no order."""
    try:
        passengers = members["passengers"]
        keys = len(members) + sum(map(len, passengers))
        texts = len(members) - 1 + len(passengers)  # every member of the order is one but its list; one a passenger
    except (TypeError, KeyError):
        return -1
    return 2 * (keys + texts)


class _CsvOrders:
    """Reads the rows below a header and joins those of one order that stand together.

    A row holds an order open until a row of another order comes. Rows of an order that come again later are a line of
    their own, as a second line of JSON would be.
    """

    def __init__(self, header: TextLine, latest: datetime) -> None:
        self._header = header
        self._latest = latest
        self._open: dict[str, Any] = {}
        self._line = 0
        self._paid: dict[str, int] = {}
        self._elsewhere: set[str] = set()

    def read(self, lines: Lines) -> Entries:
        faults: list[str] = []
        names = _cells(self._header.text, faults)
        faults += [f"the column {name} is there twice" for name in sorted(set(names)) if names.count(name) > 1]
        faults += [f"unknown column {json.dumps(name)}" for name in names if name not in _COLUMNS]
        faults += [f"the column {name} is missing" for name, m in _COLUMNS.items() if m.needed and name not in names]
        if faults:
            yield bad_line(self._header.number, faults)
            return
        for line in lines:
            yield from [line] if isinstance(line, BadLine) else self._row(line, names)
        yield from self._close()

    def _row(self, line: TextLine, names: list[str]) -> Entries:
        faults: list[str] = []
        cells = _cells(line.text, faults)
        if not faults and len(cells) != len(names):
            faults.append(f"{len(cells)} cells, the header has {len(names)}")
        if faults:
            yield bad_line(line.number, faults)
            return
        members = {name: _value(name, cell) for name, cell in zip(names, cells, strict=True)}
        order = {name: members[name] for name in ORDER_MEMBERS if members.get(name, "") != ""}
        converted = convert_order(order, faults, self._latest)
        if converted.get("order_number") != self._open.get("order_number"):
            yield from self._close()
            self._open, self._line = converted, line.number
        self._add(members, converted, faults)
        if faults:
            yield bad_line(line.number, faults)

    def _add(self, members: dict[str, Any], converted: dict[str, Any], faults: list[str]) -> None:
        if any(self._open.get(name, value) != value for name, value in converted.items()):
            faults.append(f"not the same order as on line {self._line}, whose number it has")
        if len(self._paid) == MAX_PASSENGERS_OF_ORDER:
            faults.append(f"passengers: more than {MAX_PASSENGERS_OF_ORDER}")
            return
        passenger = {name: members[name] for name in PASSENGER_MEMBERS if members.get(name, "") != ""}
        add_passenger(passenger, self._paid, self._elsewhere, faults)

    def _close(self) -> Entries:
        if all(name in self._open for name, member in ORDER_MEMBERS.items() if member.needed):  # else it was a bad line
            yield imported_order(self._line, self._open, self._paid, self._elsewhere)
        self._open, self._paid, self._elsewhere = {}, {}, set()


def _cells(text: str, faults: list[str]) -> list[str]:
    """The cells of one row: a row is one line, because no member may have a line break in it."""
    try:
        return next(csv.reader([text.rstrip("\r\n")], strict=True), [])
    except csv.Error as error:
        faults.append(f"not CSV: {error}")
        return []


def _value(name: str, cell: str) -> object:
    """What the cell would be in JSON."""
    if name == "paid_minor" and _WHOLE_NUMBER.fullmatch(cell):
        return int(cell)
    return _TRUTHS.get(cell.lower(), cell) if name == "cancelled_elsewhere" else cell
