"""No memory, at any point of the ledger's transaction: the client may try again, and nothing is half done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, cast

import pytest
from sqlalchemy import Connection, Engine, event, select

from refund_api.ports import Ledger, LedgerUnavailable
from refund_api.storage.engines.compiled import DriverCursor
from refund_api.storage.tables import refund, refund_item, refund_outbox, request_nonce
from refund_api.storage.transaction import run_reading
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.integration.service import assert_try_again, service_on
from tests.world import ALICE, ORDER

from .given import a_nonce, book, cancel, count, violations

EVERYTHING = (refund, refund_item, refund_outbox, request_nonce)


def record(ledger: Ledger) -> str:
    ledger.claim_nonce(a_nonce(), ORDER)
    number = cancel(ledger, [ALICE])
    assert isinstance(number, str)
    return number


class Driver:
    """Counts the statements of an engine, its BEGIN included, and has no memory at one of them."""

    def __init__(self, engine: Engine, *, fails_at: int = 0) -> None:
        self.engine = engine
        self.fails_at = fails_at
        self.statements: list[str] = []

    def note(self, statement: str) -> None:
        self.statements.append(statement)
        if len(self.statements) == self.fails_at:
            raise MemoryError

    def begin(self, connection: object) -> None:
        self.note("BEGIN")

    def execute(self, cursor: object, statement: str, parameters: object, context: object) -> None:
        self.note(statement)

    @contextmanager
    def driving(self) -> Iterator[Driver]:
        listeners: dict[str, Callable[..., Any]] = {
            "begin": self.begin,
            "do_execute": self.execute,
            "do_executemany": self.execute,
        }
        for name, listener in listeners.items():
            event.listen(self.engine, name, listener)
        make = DriverCursor.__init__

        def noting(cursor: DriverCursor, connection: Connection) -> None:
            make(cursor, connection)
            cursor._driver = cast(Any, _Noted(self, cursor._driver))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(DriverCursor, "__init__", noting)
            try:
                yield self
            finally:
                for name, listener in listeners.items():
                    event.remove(self.engine, name, listener)


class _Noted:
    """A connection of either driver whose statements are noted."""

    def __init__(self, driver: Driver, connection: Any) -> None:
        self._driver = driver
        self._connection = connection

    def execute(self, statement: str, values: object) -> Any:
        self._driver.note(statement)
        return self._connection.execute(statement, values)

    def run_prepared(self, statement: str, values: object) -> Any:
        self._driver.note(statement)
        return self._connection.run_prepared(statement, values)


def statements_of(engine: Engine, work: Callable[[Ledger], Any]) -> list[str]:
    """What a run that works sends, rolled back at the end."""

    class Enough(Exception):
        pass

    def undone(ledger: Ledger) -> NoReturn:
        work(ledger)
        raise Enough

    with Driver(engine).driving() as driver, pytest.raises(Enough):
        SqlUnitOfWork(engine).run(undone)
    return driver.statements


def pooled_driver(engine: Engine) -> object:
    with engine.connect() as connection:
        return connection.connection.driver_connection


def assert_as_before(engine: Engine, driver: object) -> None:
    """Nothing is recorded, the connection is not used again, and the next request is served."""
    assert [count(engine, table) for table in EVERYTHING] == [0] * len(EVERYTHING)
    assert pooled_driver(engine) is not driver
    assert isinstance(SqlUnitOfWork(engine).run(record), str)
    assert violations(engine) == []


def test_no_memory_at_any_statement_is_unavailable_and_leaves_nothing_behind(engine: Engine) -> None:
    book(engine)
    statements = statements_of(engine, record)
    assert len(statements) == (8 if engine.dialect.name == "sqlite" else 5), statements
    for number, statement in enumerate(statements, 1):
        driver = pooled_driver(engine)
        with Driver(engine, fails_at=number).driving(), pytest.raises(LedgerUnavailable, match="out of memory"):
            SqlUnitOfWork(engine).run(record)
        assert [count(engine, table) for table in EVERYTHING] == [0] * len(EVERYTHING), statement
        assert pooled_driver(engine) is not driver, statement
    assert_as_before(engine, None)


def test_no_memory_before_the_commit_is_unavailable_and_leaves_nothing_behind(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    book(engine)
    driver = pooled_driver(engine)

    def commit(dbapi_connection: object) -> NoReturn:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(engine.dialect, "do_commit", commit)
        with pytest.raises(LedgerUnavailable):
            SqlUnitOfWork(engine).run(record)
    assert_as_before(engine, driver)


def test_no_memory_after_the_commit_is_unavailable_and_a_repeat_gets_the_number(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    book(engine)
    do_commit = engine.dialect.do_commit

    def commit(dbapi_connection: Any) -> NoReturn:
        do_commit(dbapi_connection)
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(engine.dialect, "do_commit", commit)
        with pytest.raises(LedgerUnavailable):
            SqlUnitOfWork(engine).run(record)
    number = SqlUnitOfWork(engine).run(record)
    with engine.connect() as connection:
        assert connection.scalars(select(refund.c.refund_id)).all() == [number]


def test_a_rollback_without_memory_either_ends_with_the_connection(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    book(engine)
    driver = pooled_driver(engine)

    def rollback(dbapi_connection: object) -> NoReturn:
        raise MemoryError

    def work(ledger: Ledger) -> NoReturn:
        record(ledger)
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(engine.dialect, "do_rollback", rollback)
        with pytest.raises(LedgerUnavailable):
            SqlUnitOfWork(engine).run(work)
    assert_as_before(engine, driver)


def test_no_memory_while_connecting_is_unavailable(engine: Engine) -> None:
    book(engine)
    engine.dispose()

    def connected(dbapi_connection: object, connection_record: object) -> NoReturn:
        raise MemoryError

    event.listen(engine.pool, "connect", connected)
    try:
        with pytest.raises(LedgerUnavailable):
            SqlUnitOfWork(engine).run(record)
    finally:
        event.remove(engine.pool, "connect", connected)
    assert_as_before(engine, None)


def test_no_memory_for_a_reader_is_unavailable(engine: Engine) -> None:
    with Driver(engine, fails_at=2).driving(), pytest.raises(LedgerUnavailable):
        run_reading(engine, lambda connection: [connection.execute(select(refund)).all() for _ in range(3)])
    assert run_reading(engine, lambda connection: connection.execute(select(refund)).all()) == []


def test_a_client_is_asked_to_come_again_and_then_gets_its_number(engine: Engine) -> None:
    book(engine)
    served = service_on(engine)
    for number in range(1, len(statements_of(engine, record)) + 1):
        with Driver(engine, fails_at=number).driving():
            answer = served.cancel(ORDER, ALICE, random=10_000)
        assert_try_again(answer)
    assert served.cancel(ORDER, ALICE, random=10_000).number
