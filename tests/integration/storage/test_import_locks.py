"""Imports lock orders from the smallest number up, known or new: so two of them never wait for each other in a ring."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date

import pytest
from sqlalchemy import Connection, Engine, insert, select, text
from sqlalchemy.exc import OperationalError

from refund_api.domain import Order
from refund_api.storage.shop.importing import ImportedOrder, ImportResult, import_orders
from refund_api.storage.tables import orders
from tests.replication import until

from .given import NOW, book

AGAINST_THE_ORDER = ["z", "m", "a"]
WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


def ticketed(number: str) -> Order:
    return Order(number, date(2027, 6, 1), "ticketed", "CNY")


def lock(connection: Connection, number: str) -> None:
    """sqlalchemy.exc.OperationalError: another has it."""
    connection.execute(select(orders).where(orders.c.order_number == number).with_for_update(nowait=True))


def create(connection: Connection, number: str) -> None:
    """sqlalchemy.exc.OperationalError: another is about to create it."""
    connection.execute(text("SET LOCAL lock_timeout = '200ms'"))
    connection.execute(
        insert(orders),
        {"order_number": number, "train_date": NOW.date(), "state": "booked", "currency": "CNY", "updated_at": NOW},
    )


@contextmanager
def rolled_back(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()


@contextmanager
def import_held_up(engine: Engine, holder: Connection) -> Iterator[list[ImportResult]]:
    """The block runs while an import of all three waits for the holder, who then lets go; the list gets its result."""
    lines = [ImportedOrder(line, ticketed(number), {}) for line, number in enumerate(AGAINST_THE_ORDER, 1)]
    results: list[ImportResult] = []

    def waits() -> bool:
        with engine.connect() as connection:
            return bool(connection.scalar(WAITING))

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(import_orders, engine, lines, lambda done: None)
        try:
            until(waits)
            yield results
        finally:
            holder.rollback()
        results.append(running.result())


def test_known_orders_are_locked_from_the_smallest_number_up(postgres_engine: Engine) -> None:
    for number in AGAINST_THE_ORDER:
        book(postgres_engine, number)
    with postgres_engine.connect() as holder:
        lock(holder, "m")
        with import_held_up(postgres_engine, holder) as results:
            with rolled_back(postgres_engine) as another:
                lock(another, "z")
            with pytest.raises(OperationalError), rolled_back(postgres_engine) as another:
                lock(another, "a")
    assert results == [ImportResult(updated=3)]


def test_new_orders_are_created_from_the_smallest_number_up(postgres_engine: Engine) -> None:
    with postgres_engine.connect() as holder:
        create(holder, "m")
        with import_held_up(postgres_engine, holder) as results:
            with rolled_back(postgres_engine) as another:
                create(another, "z")
            with pytest.raises(OperationalError), rolled_back(postgres_engine) as another:
                create(another, "a")
    assert results == [ImportResult(created=3)]
