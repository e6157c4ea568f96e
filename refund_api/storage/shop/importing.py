"""Writes orders of the shop, a batch in each transaction, with the same row locks as a cancellation.

A line that would change an amount paid, or anything of an order that has a refund, is a conflict and is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from operator import itemgetter
from typing import Any

from sqlalchemy import BindParameter, Connection, Engine, bindparam, insert, select, update

from ...domain import Order
from ...ports import Clock, utc_now
from ..budget import Budget
from ..tables import orders as orders_table
from ..tables import passenger, refund
from ..transaction import run_writing
from .import_file import MAX_PASSENGERS_OF_ORDER, BadLine, ImportedOrder, ImportedOrders, read_import

__all__ = ["BadLine", "Conflict", "ImportResult", "ImportedOrder", "ImportedOrders", "import_orders", "read_import"]

BATCH = 1000
_BUDGET = Budget(lock=10, statement=20, whole=30)

_NUMBERS: BindParameter[Any] = bindparam("numbers", expanding=True)
_LOCK_ORDERS = (
    select(orders_table.c.order_number, orders_table.c.train_date, orders_table.c.state, orders_table.c.currency)
    .where(orders_table.c.order_number.in_(_NUMBERS))
    .order_by(orders_table.c.order_number)  # two imports take their locks in the same order, so they cannot deadlock
    .with_for_update()
)
_PAID = select(passenger.c.order_number, passenger.c.passenger_id, passenger.c.paid_minor).where(
    passenger.c.order_number.in_(_NUMBERS)
)
_REFUNDED = select(refund.c.order_number).where(refund.c.order_number.in_(_NUMBERS))
_INSERT_ORDERS = insert(orders_table)
_INSERT_PASSENGERS = insert(passenger)
_UPDATE_ORDERS = (
    update(orders_table)
    .where(orders_table.c.order_number == bindparam("number"))
    .values(train_date=bindparam("train_date"), state=bindparam("state"), updated_at=bindparam("updated_at"))
)


@dataclass(frozen=True, slots=True)
class Conflict:
    """A line (from 1) that was left out, and why."""

    line: int
    order_number: str
    reason: str


@dataclass(slots=True)
class ImportResult:
    """How many orders were created, updated or unchanged; `conflicts` are the lines that were left out."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    conflicts: list[Conflict] = field(default_factory=list)

    def add(self, other: ImportResult) -> None:
        """Add the counts and conflicts of another batch."""
        self.created += other.created
        self.updated += other.updated
        self.unchanged += other.unchanged
        self.conflicts += other.conflicts


def import_orders(
    engine: Engine, orders: Iterable[ImportedOrder], progress: Callable[[int], None], *, clock: Clock = utc_now
) -> ImportResult:
    """Write the orders; `progress` is told after every commit how many are done. No order number may come twice.

    LedgerUnavailable: the batches before this one are committed. Importing the same orders again is safe and goes on.
    """
    result = ImportResult()
    done = 0
    for batch in _batches(orders):
        result.add(run_writing(engine, partial(_write_batch, batch, clock()), _BUDGET))
        done += len(batch)
        progress(done)
    return result


def _batches(orders: Iterable[ImportedOrder]) -> Iterator[list[ImportedOrder]]:
    rest = iter(orders)
    while batch := list(islice(rest, BATCH)):
        yield batch


def _write_batch(batch: Sequence[ImportedOrder], now: datetime, connection: Connection) -> ImportResult:
    return _Batch(connection, now).write(batch)


class _Batch:
    """One transaction: it locks the orders that exist, compares them with the lines, and writes the differences."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now
        self._result = ImportResult()
        self._new: list[dict[str, Any]] = []
        self._changed: list[dict[str, Any]] = []
        self._passengers: list[dict[str, Any]] = []

    def write(self, lines: Sequence[ImportedOrder]) -> ImportResult:
        numbers = {"numbers": [line.order.order_number for line in lines]}
        known = {row.order_number: Order(*row) for row in self._connection.execute(_LOCK_ORDERS, numbers)}
        # Under READ COMMITTED, passengers may show up whose order another import just made. Then the insert fails.
        paid: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for order_number, passenger_id, paid_minor in self._connection.execute(_PAID, numbers):
            paid[order_number][passenger_id] = paid_minor
        refunded = set(self._connection.scalars(_REFUNDED, numbers))
        for line in lines:
            number = line.order.order_number
            if number not in known:
                self._create(line)
            else:
                self._compare(line, known[number], paid[number], number in refunded)
        self._execute()
        return self._result

    def _create(self, line: ImportedOrder) -> None:
        self._result.created += 1
        order = line.order
        self._new.append(self._row(order) | {"order_number": order.order_number, "currency": order.currency})
        self._add_passengers(line, {})

    def _compare(self, line: ImportedOrder, known: Order, paid: Mapping[str, int], refunded: bool) -> None:
        if line.order == known and line.paid.items() <= paid.items():
            self._result.unchanged += 1
            return
        reason = _conflict(line, known, paid, refunded)
        if reason is not None:
            self._result.conflicts.append(Conflict(line.line, known.order_number, reason))
            return
        self._result.updated += 1
        self._changed.append(self._row(line.order) | {"number": known.order_number})
        self._add_passengers(line, paid)

    def _row(self, order: Order) -> dict[str, Any]:
        return {"train_date": order.train_date, "state": order.state, "updated_at": self._now}

    def _add_passengers(self, line: ImportedOrder, paid: Mapping[str, int]) -> None:
        self._passengers += [
            {"order_number": line.order.order_number, "passenger_id": passenger_id, "paid_minor": amount}
            for passenger_id, amount in line.paid.items()
            if passenger_id not in paid
        ]

    def _execute(self) -> None:
        for statement, rows in (
            (_INSERT_ORDERS, sorted(self._new, key=itemgetter("order_number"))),  # here too, for the same reason
            (_UPDATE_ORDERS, self._changed),
            (_INSERT_PASSENGERS, self._passengers),
        ):
            if rows:
                self._connection.execute(statement, rows)


def _conflict(line: ImportedOrder, known: Order, paid: Mapping[str, int], refunded: bool) -> str | None:
    if refunded:
        return "the order has a refund: nothing of it changes any more"
    if line.order.currency != known.currency:
        return f"the currency is {known.currency}, the line says {line.order.currency}"
    for passenger_id, amount in line.paid.items():
        if paid.get(passenger_id, amount) != amount:
            return f"passenger {passenger_id} paid {paid[passenger_id]}, the line says {amount}"
    together = len(line.paid.keys() | paid.keys())
    if together > MAX_PASSENGERS_OF_ORDER:
        return f"with the line's the order would have {together} passengers, more than {MAX_PASSENGERS_OF_ORDER}"
    return None
