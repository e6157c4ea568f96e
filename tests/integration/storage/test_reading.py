"""A reading transaction cannot write, on any engine, and its connection can again afterwards."""

from __future__ import annotations

from contextlib import suppress

import pytest
from sqlalchemy import Connection, Engine, delete, func, insert, inspect, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import Executable

from refund_api.ports import LedgerUnavailable
from refund_api.storage.ledger import SqlLedger
from refund_api.storage.tables import orders, passenger, refund, refund_outbox
from refund_api.storage.transaction import run_reading, run_writing
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.world import ALICE, ORDER

from .conftest import opened
from .given import book, cancel, count, violations


class Refused(Exception):
    pass


@pytest.mark.parametrize(
    "statement",
    [
        insert(passenger).values(order_number=ORDER, passenger_id="carol", paid_minor=1),
        update(orders).values(state="cancelled"),
        delete(refund_outbox),
        text("CREATE TABLE leftover (x INTEGER)"),
        text("DROP TABLE request_nonce"),
    ],
    ids=["insert", "update", "delete", "create", "drop"],
)
def test_a_write_in_a_reading_transaction_fails_and_leaves_nothing(engine: Engine, statement: Executable) -> None:
    book(engine)
    SqlUnitOfWork(engine).run(lambda ledger: cancel(ledger, [ALICE]))
    tables = inspect(engine).get_table_names()
    with pytest.raises(LedgerUnavailable, match=r"read-?only"):
        run_reading(engine, lambda connection: connection.execute(statement))
    assert (count(engine, passenger), count(engine, refund_outbox)) == (2, 1)
    assert inspect(engine).get_table_names() == tables
    assert violations(engine) == []


def test_a_write_whose_error_is_swallowed_leaves_nothing_either(engine: Engine) -> None:
    book(engine)

    def work(connection: Connection) -> None:
        with suppress(DBAPIError):
            cancel(SqlLedger(connection), [ALICE])
        with suppress(DBAPIError):
            connection.execute(update(orders).values(state="cancelled"))

    with suppress(DBAPIError):  # PostgreSQL ends such a transaction
        run_reading(engine, work)
    assert count(engine, refund) == 0
    assert violations(engine) == []


def test_a_connection_that_was_read_on_can_be_written_on_again(sqlite_url: str, postgres_url: str) -> None:
    def driver(connection: Connection) -> object:
        return connection.connection.driver_connection

    def refuse(connection: Connection) -> None:
        raise Refused

    for url in (sqlite_url, postgres_url):
        with opened(url, threads=1) as engine:
            book(engine, "first")
            pooled = run_reading(engine, driver)
            with pytest.raises(Refused):
                run_reading(engine, refuse)
            book(engine, "second")  # outside of run_writing
            assert run_writing(engine, driver) is pooled
            assert isinstance(SqlUnitOfWork(engine).run(lambda ledger: cancel(ledger, [ALICE], "first")), str)
            assert (
                run_reading(engine, lambda connection: connection.scalar(select(func.count()).select_from(orders))) == 2
            )
            assert run_reading(engine, driver) is pooled


def test_after_a_write_that_failed_the_next_transaction_writes(sqlite_url: str, postgres_url: str) -> None:
    for url in (sqlite_url, postgres_url):
        with opened(url, threads=1) as engine:
            with pytest.raises(LedgerUnavailable):
                run_reading(engine, lambda connection: connection.execute(delete(refund_outbox)))
            book(engine)
            assert isinstance(SqlUnitOfWork(engine).run(cancel), str)
