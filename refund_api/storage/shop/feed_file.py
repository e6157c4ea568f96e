"""A feed that is checked whole before any of it is written.

The source is read once, because standard input cannot be read twice and a file may change meanwhile. Its good lines are
kept in a temporary file, in blocks, and read back from there; memory holds one block. An order that is on two lines is
no fault: the later line is judged after the earlier one, as if it came in a feed of its own.
"""

from __future__ import annotations

import marshal
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import BinaryIO, Final, Self

from ...domain import Order
from ...ports import Clock, utc_now
from .feed_forms import read_orders
from .feed_order import BadLine, ImportedOrder
from .feed_text import read_lines

CLOCKS_APART: Final = timedelta(minutes=5)
"""How far the shop's clock may be ahead of ours."""
MOST_LISTED: Final = 10_000
"""No more of the bad lines are kept; all are counted."""

_IN_MEMORY = 1 << 20  # bytes, beyond which the good lines go to the disk
_BLOCK = 2000  # orders and passengers
_LENGTH = 8  # bytes of the number in front of a block


@dataclass(slots=True)
class BadLines:
    """The first of the bad lines, and how many there are."""

    first: list[BadLine] = field(default_factory=list)
    count: int = 0

    def add(self, line: BadLine) -> None:
        """Count the line; keep it while there are few."""
        self.count += 1
        if len(self.first) < MOST_LISTED:
            self.first.append(line)


class ImportedOrders:
    """The good lines of a feed, which can be read again and again until they are closed."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 closed by __exit__
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[ImportedOrder]:
        self._file.seek(0)
        while length := self._file.read(_LENGTH):
            for row in marshal.loads(self._file.read(int.from_bytes(length, "big"))):
                yield _unpacked(*row)

    def write(self, orders: Iterable[ImportedOrder]) -> None:
        """Keep them, behind those that are kept already."""
        block: list[object] = []
        size = 0
        for order in orders:
            block.append(_packed(order))
            size += 1 + len(order.paid)
            if size >= _BLOCK:
                self._write_block(block)
                block, size = [], 0
        self._write_block(block)

    def _write_block(self, block: list[object]) -> None:
        content = marshal.dumps(block)
        self._file.write(len(content).to_bytes(_LENGTH, "big") + content)
        self._count += len(block)


def read_import(source: BinaryIO | Iterable[str | bytes], *, clock: Clock = utc_now) -> tuple[ImportedOrders, BadLines]:
    """Check every line of a file opened in binary, or of anything to iterate over. The caller closes the orders."""
    orders, bad_lines = ImportedOrders(), BadLines()
    orders.write(_good(source, bad_lines, clock() + CLOCKS_APART))
    return orders, bad_lines


def _good(source: BinaryIO | Iterable[str | bytes], bad_lines: BadLines, latest: datetime) -> Iterator[ImportedOrder]:
    for entry in read_orders(read_lines(source), latest):
        if isinstance(entry, BadLine):
            bad_lines.add(entry)
        else:
            yield entry


def _packed(line: ImportedOrder) -> tuple[object, ...]:
    order = line.order
    as_of = line.as_of and line.as_of.isoformat()
    elsewhere = tuple(line.cancelled_elsewhere)
    day = order.train_date.toordinal()
    return line.line, order.order_number, day, order.state, order.currency, dict(line.paid), elsewhere, as_of


def _unpacked(
    line: int,
    order_number: str,
    day: int,
    state: str,
    currency: str,
    paid: dict[str, int],
    elsewhere: tuple[str, ...],
    as_of: str | None,
) -> ImportedOrder:
    order = Order(order_number, date.fromordinal(day), state, currency)
    return ImportedOrder(line, order, paid, frozenset(elsewhere), datetime.fromisoformat(as_of) if as_of else None)
