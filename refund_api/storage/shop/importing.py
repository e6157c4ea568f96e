"""Writes orders of the shop, a batch in each transaction, with the same row locks as a cancellation.

A batch locks the orders that exist, reads what is known of them, lets `merging` judge each line, and writes the
differences with one statement a table. It is bounded by orders and passengers, so that a cancellation that waits for
one of its orders, or on SQLite for the file, does not wait long. An order that comes twice ends its batch: the next one
finds what the first line has written. Each batch is whole or not there at all, so an import may be stopped at any point
and run again.

Several batches may be written at once, by a thread each: while the server works on one, the next is made. Two that have
an order in common are written one after the other.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Engine, Select, select

from ...domain import Order, Passenger
from ...ports import Clock, utc_now
from ..budget import Budget
from ..engines.table import kind_of
from ..tables import orders as orders_table
from ..tables import passenger, refund_item
from ..transaction import run_reading, run_writing
from .feed_file import BadLines, ImportedOrders, read_import
from .feed_order import BadLine, ImportedOrder
from .freshness import note_feed
from .merging import KnownOrder, merge, says_nothing_new, state_of
from .report import ImportResult, Listed

__all__ = [
    "BadLine",
    "BadLines",
    "ImportResult",
    "ImportedOrder",
    "ImportedOrders",
    "Listed",
    "import_orders",
    "read_import",
]

MOST_ORDERS = 1000
"""Of a batch."""
MOST_PASSENGERS = 2000
"""Of a batch that has more than one order."""
Batch = Sequence[ImportedOrder]
_BUDGET = Budget(lock=10, statement=20, whole=30)

_ORDERS = select(
    orders_table.c.order_number,
    orders_table.c.train_date,
    orders_table.c.state,
    orders_table.c.currency,
    orders_table.c.as_of,
)
_PASSENGERS = select(
    passenger.c.order_number,
    passenger.c.passenger_id,
    passenger.c.paid_minor,
    passenger.c.cancelled_elsewhere_at.is_not(None),
)
_REFUNDED = select(refund_item.c.order_number, refund_item.c.passenger_id)
_ORDER_COLUMNS = ("order_number", "train_date", "state", "updated_at", "as_of")
_NEW_ORDER_COLUMNS = (*_ORDER_COLUMNS, "currency")
_REPEATED_COLUMNS = ("order_number", "as_of")
_MARK_COLUMNS = ("order_number", "passenger_id", "cancelled_elsewhere_at")
_PASSENGER_COLUMNS = (*_MARK_COLUMNS, "paid_minor")


def import_orders(
    engine: Engine,
    orders: Iterable[ImportedOrder],
    progress: Callable[[int], None],
    *,
    clock: Clock = utc_now,
    only_check: bool = False,
    writers: int = 1,
) -> ImportResult:
    """Write the orders; `progress` is told after every batch how many are done. With `only_check` nothing is written.

    `writers` batches are written at once; the engine must have a connection for each.
    LedgerUnavailable: the batches before this one, and perhaps the next, are committed. Importing again goes on.
    """
    began = clock()
    newest: datetime | None = None
    result = ImportResult()
    done = 0

    def write(batch: Batch) -> ImportResult:
        work = partial(_do_batch, batch, began, clock(), only_check)
        return run_reading(engine, work, _BUDGET) if only_check else run_writing(engine, work, _BUDGET)

    for batch, written in _written(_batches(orders), write, writers):
        result.add(written)
        newest = max([line.as_of or began for line in batch] + ([newest] if newest else []))
        done += len(batch)
        progress(done)
    if newest is not None and not only_check:
        run_writing(engine, partial(note_feed, newest))
    return result


def _written(
    batches: Iterable[Batch], write: Callable[[Batch], ImportResult], writers: int
) -> Iterator[tuple[Batch, ImportResult]]:
    """Each batch and what became of it, in order."""
    if writers == 1:
        yield from ((batch, write(batch)) for batch in batches)
        return
    begun: deque[tuple[Batch, set[str], Future[ImportResult]]] = deque()
    pool = ThreadPoolExecutor(writers)
    try:
        for batch in batches:
            numbers = {line.order.order_number for line in batch}
            while len(begun) > writers or any(not numbers.isdisjoint(others) for _, others, _ in begun):
                earlier, _, written = begun.popleft()
                yield earlier, written.result()
            begun.append((batch, numbers, pool.submit(write, batch)))
        yield from ((batch, written.result()) for batch, _, written in begun)
    finally:
        pool.shutdown(cancel_futures=True)  # whoever interrupts an import waits for no batch that is not begun


def _batches(orders: Iterable[ImportedOrder]) -> Iterator[Batch]:
    batch: list[ImportedOrder] = []
    numbers: set[str] = set()
    passengers = 0
    for line in orders:
        passengers += len(line.paid)
        is_full = len(batch) == MOST_ORDERS or passengers > MOST_PASSENGERS
        if batch and (is_full or line.order.order_number in numbers):
            yield batch
            batch, numbers, passengers = [], set(), len(line.paid)
        batch.append(line)
        numbers.add(line.order.order_number)
    if batch:
        yield batch


def _do_batch(batch: Batch, began: datetime, now: datetime, only_check: bool, connection: Connection) -> ImportResult:
    work = _Batch(began, now)
    known = _known_orders(connection, [line.order.order_number for line in batch], lock=not only_check)
    for line in batch:
        order = known.get(line.order.order_number)
        if order is None:
            work.create(line)
        else:
            work.change(line, order)
    if not only_check:
        work.write(connection)
    return work.result


def _known_orders(connection: Connection, numbers: list[str], *, lock: bool) -> dict[str, KnownOrder]:
    kind = kind_of(connection)

    def rows(query: Select[Any], table: Any) -> Any:
        return connection.execute(query.where(kind.is_among(table.c.order_number, numbers)))

    # Two imports take their locks in the same order, so they cannot deadlock.
    query = _ORDERS.order_by(orders_table.c.order_number)
    orders = rows(query.with_for_update() if lock else query, orders_table).all()
    if not orders:
        return {}
    # Under READ COMMITTED, passengers may show up whose order another import just made. Then the insert fails.
    passengers: defaultdict[str, dict[str, Passenger]] = defaultdict(dict)
    for order_number, passenger_id, paid_minor, is_marked in rows(_PASSENGERS, passenger):
        passengers[order_number][passenger_id] = Passenger(paid_minor, bool(is_marked))
    refunded: defaultdict[str, set[str]] = defaultdict(set)
    for order_number, passenger_id in rows(_REFUNDED, refund_item):
        refunded[order_number].add(passenger_id)
    return {
        row.order_number: KnownOrder(
            Order(*row[:4]), row.as_of, passengers[row.order_number], refunded[row.order_number]
        )
        for row in orders
    }


@dataclass
class _Batch:
    """What one transaction writes: rows by table, and what became of each line."""

    began: datetime
    now: datetime
    result: ImportResult = field(default_factory=ImportResult)
    new_orders: list[tuple[Any, ...]] = field(default_factory=list)
    changed_orders: list[tuple[Any, ...]] = field(default_factory=list)
    repeated_orders: list[tuple[Any, ...]] = field(default_factory=list)
    new_passengers: list[tuple[Any, ...]] = field(default_factory=list)
    marks: list[tuple[Any, ...]] = field(default_factory=list)

    def create(self, line: ImportedOrder) -> None:
        """An order that is not known yet."""
        order, as_of = line.order, line.as_of or self.began
        state = state_of(order.state, line.paid.keys(), set(line.cancelled_elsewhere))
        self.new_orders.append((order.order_number, order.train_date, state, self.now, as_of, order.currency))
        self._add_passengers(order.order_number, line.paid, line.cancelled_elsewhere, as_of)
        self.result.created += 1
        self.result.marked += len(line.cancelled_elsewhere)

    def change(self, line: ImportedOrder, known: KnownOrder) -> None:
        """An order that is known: write what the line changes in it."""
        as_of = line.as_of or self.began
        number = known.order.order_number
        if says_nothing_new(known, line, as_of):
            self.result.unchanged += 1
            self._repeat(number, known, as_of)
            return
        merged = merge(known, line, as_of)
        is_changed = bool(merged.order != known.order or merged.added or merged.marked)
        if is_changed:
            row = (number, merged.order.train_date, merged.order.state, self.now, merged.as_of)
            self.changed_orders.append(row)
        else:
            self._repeat(number, known, merged.as_of)
        added = {passenger_id: new.paid_minor for passenger_id, new in merged.added.items()}
        self._add_passengers(number, added, line.cancelled_elsewhere, as_of)
        self.marks += [(number, passenger_id, as_of) for passenger_id in merged.marked]
        self.result.count(line, merged, is_changed=is_changed)

    def _repeat(self, number: str, known: KnownOrder, as_of: datetime | None) -> None:
        if as_of != known.as_of:
            self.repeated_orders.append((number, as_of))

    def _add_passengers(
        self, number: str, paid: Mapping[str, int], elsewhere: Collection[str], as_of: datetime
    ) -> None:
        self.new_passengers += [
            (number, passenger_id, as_of if passenger_id in elsewhere else None, amount)
            for passenger_id, amount in paid.items()
        ]

    def write(self, connection: Connection) -> None:
        """One statement a table and kind of change."""
        kind = kind_of(connection)
        by_number = itemgetter(0)  # in this order here too, for the same reason
        kind.insert_rows(connection, orders_table, _NEW_ORDER_COLUMNS, sorted(self.new_orders, key=by_number))
        kind.update_rows(connection, orders_table, _ORDER_COLUMNS, self.changed_orders)
        kind.update_rows(connection, orders_table, _REPEATED_COLUMNS, self.repeated_orders)
        kind.insert_rows(connection, passenger, _PASSENGER_COLUMNS, self.new_passengers)
        kind.update_rows(connection, passenger, _MARK_COLUMNS, self.marks)
