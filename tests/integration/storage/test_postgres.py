"""What only PostgreSQL does with a transaction: verdicts, deadlocks, timeouts, and what its errors show."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from dataclasses import replace
from datetime import date
from functools import partial
from types import SimpleNamespace

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Connection, Engine, insert, select, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from refund_api.cancel.decision import Repeated, decide
from refund_api.ports import Ledger, LedgerUnavailable
from refund_api.storage.budget import Budget, Verdict
from refund_api.storage.engines import postgres
from refund_api.storage.engines.postgres_connection import BoundedConnection
from refund_api.storage.ledger import SqlLedger
from refund_api.storage.shop.order_view import read_order
from refund_api.storage.tables import orders, refund
from refund_api.storage.transaction import run_writing
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.postgres import execute
from tests.world import ALICE, ORDER

from .conftest import opened
from .given import GENEROUS, NOW, SMALL, a_refund, asked, at_once, book, cancel, count, once, pid_of, url_of


def test_a_deadlock_is_run_again(postgres_engine: Engine) -> None:
    book(postgres_engine, "one")
    book(postgres_engine, "two")
    both = threading.Barrier(2)
    attempts = []

    def work(numbers: list[str], ledger: Ledger) -> None:
        attempts.append(1)
        ledger.lock_order(numbers[0])
        if len(attempts) <= 2:
            both.wait(10)
        ledger.lock_order(numbers[1])

    unit = SqlUnitOfWork(postgres_engine)
    answers = at_once([partial(unit.run, partial(work, numbers)) for numbers in (["one", "two"], ["two", "one"])])
    assert answers == [None, None]
    assert len(attempts) >= 3


def test_a_slow_statement_is_unavailable_at_the_end_of_its_budget(postgres_engine: Engine) -> None:
    with pytest.raises(LedgerUnavailable, match="statement timeout"):
        run_writing(postgres_engine, lambda connection: connection.execute(text("SELECT pg_sleep(30)")), SMALL)


def test_many_quick_statements_end_with_the_whole_budget_and_so_does_their_connection(postgres_engine: Engine) -> None:
    pids = []

    def work(connection: Connection) -> None:
        pids.append(pid_of(connection))
        for _ in range(100):
            connection.execute(text("SELECT pg_sleep(0.4)"))

    began = time.monotonic()
    with pytest.raises(LedgerUnavailable):
        run_writing(postgres_engine, work, SMALL)
    assert time.monotonic() - began < SMALL.whole + GENEROUS
    assert run_writing(postgres_engine, pid_of) not in pids  # the cancellation might hit whoever came next


def test_a_read_only_database_is_unavailable_at_once_and_the_connection_is_not_kept(postgres_engine: Engine) -> None:
    book(postgres_engine)
    database = psycopg.sql.Identifier(postgres_engine.url.database or "")
    read_only = "ALTER DATABASE {} SET default_transaction_read_only = on"
    execute(url_of(postgres_engine), psycopg.sql.SQL(read_only).format(database))
    postgres_engine.dispose()
    with pytest.raises(LedgerUnavailable, match="read-only"):
        SqlUnitOfWork(postgres_engine).run(cancel)
    with psycopg.connect(url_of(postgres_engine), autocommit=True) as administrator:
        administrator.execute("SET default_transaction_read_only = off")
        administrator.execute(psycopg.sql.SQL("ALTER DATABASE {} RESET default_transaction_read_only").format(database))
    assert isinstance(SqlUnitOfWork(postgres_engine).run(cancel), str)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (psycopg.errors.SerializationFailure(), Verdict.AGAIN),
        (psycopg.errors.DeadlockDetected(), Verdict.AGAIN),
        (psycopg.errors.UniqueViolation(), Verdict.AGAIN),
        (psycopg.errors.AdminShutdown(), Verdict.AGAIN),
        (psycopg.errors.CrashShutdown(), Verdict.AGAIN),
        (psycopg.errors.CannotConnectNow(), Verdict.AGAIN),
        (psycopg.errors.ConnectionFailure(), Verdict.AGAIN),
        (psycopg.errors.StatementCompletionUnknown(), Verdict.AGAIN),
        (psycopg.errors.IdleInTransactionSessionTimeout(), Verdict.AGAIN),
        (psycopg.errors.TransactionTimeout(), Verdict.AGAIN),
        (psycopg.OperationalError("server closed the connection unexpectedly"), Verdict.AGAIN),
        (psycopg.InterfaceError("the connection is closed"), Verdict.AGAIN),
        (psycopg.errors.DiskFull(), Verdict.UNAVAILABLE),
        (psycopg.errors.TooManyConnections(), Verdict.UNAVAILABLE),
        (psycopg.OperationalError("connection failed: FATAL: sorry, too many clients already"), Verdict.UNAVAILABLE),
        (psycopg.OperationalError("FATAL: remaining connection slots are reserved"), Verdict.UNAVAILABLE),
        (psycopg.OperationalError('FATAL: password authentication failed for user "u"'), Verdict.UNAVAILABLE),
        (psycopg.errors.ReadOnlySqlTransaction(), Verdict.UNAVAILABLE),
        (psycopg.errors.LockNotAvailable(), Verdict.UNAVAILABLE),
        (psycopg.errors.QueryCanceled(), Verdict.UNAVAILABLE),
        (psycopg.errors.UndefinedTable(), Verdict.UNAVAILABLE),
        (psycopg.errors.UndefinedColumn(), Verdict.UNAVAILABLE),
        (psycopg.errors.InsufficientPrivilege(), Verdict.UNAVAILABLE),
        (psycopg.errors.InternalError_(), Verdict.UNAVAILABLE),
        (psycopg.errors.DataCorrupted(), Verdict.UNAVAILABLE),
        (psycopg.errors.CheckViolation(), Verdict.FAULT),
        (psycopg.errors.ForeignKeyViolation(), Verdict.FAULT),
        (psycopg.errors.UntranslatableCharacter(), Verdict.FAULT),
        (psycopg.DataError("PostgreSQL text fields cannot contain NUL"), Verdict.FAULT),
    ],
)
def test_every_kind_of_error_has_its_verdict(error: Exception, verdict: Verdict) -> None:
    assert postgres.verdict(DBAPIError("SELECT 1", {}, error)) is verdict


def test_an_order_that_is_locked_ends_in_the_budget_of_a_lock(postgres_engine: Engine) -> None:
    book(postgres_engine)
    with postgres_engine.begin() as holder:
        SqlLedger(holder).lock_order(ORDER)
        with pytest.raises(LedgerUnavailable, match="lock timeout"):
            SqlUnitOfWork(postgres_engine, budget=Budget(lock=0.2, statement=60, whole=120)).run(cancel)


def test_an_order_locked_by_a_client_that_vanished_is_free_when_the_budget_of_that_client_is_over(
    postgres_engine: Engine,
) -> None:
    book(postgres_engine)
    locked, vanish = threading.Event(), threading.Event()

    def say_nothing(ledger: Ledger) -> None:
        ledger.lock_order(ORDER)
        locked.set()
        vanish.wait(60)

    def client() -> None:
        SqlUnitOfWork(postgres_engine, budget=Budget(lock=0.2, statement=0.5, whole=1)).run(say_nothing)

    def another() -> str:
        locked.wait(10)
        try:
            number = SqlUnitOfWork(postgres_engine, budget=Budget(lock=20, statement=25, whole=30)).run(cancel)
            assert isinstance(number, str)
            return number
        finally:
            vanish.set()

    gone, number = at_once([client, another])
    assert isinstance(number, str)
    assert isinstance(gone, LedgerUnavailable)


def test_dates_are_read_whatever_style_the_role_has(own_engine: Engine) -> None:
    book(own_engine)
    execute(url_of(own_engine), "ALTER ROLE postgres SET datestyle = 'German, DMY'")
    own_engine.dispose()
    SqlUnitOfWork(own_engine).run(cancel)
    view = read_order(own_engine, ORDER)
    assert view is not None
    assert (view.order.train_date, view.refunds[0].decided_at) == (date(2027, 6, 1), NOW)


def test_a_column_that_a_migration_has_widened_costs_one_attempt_however_many_connections_there_are(
    postgres_engine: Engine,
) -> None:
    book(postgres_engine)
    unit_of_work = SqlUnitOfWork(postgres_engine)
    number = unit_of_work.run(cancel)
    with postgres_engine.connect() as first, postgres_engine.connect() as second, postgres_engine.connect() as third:
        for connection in (first, second, third):
            SqlLedger(connection).lock_order("another")  # each has prepared the statement now
    execute(url_of(postgres_engine), "ALTER TABLE orders ALTER state TYPE VARCHAR(32)")
    decided = decide(unit_of_work, asked())
    assert (decided.decision, decided.attempts) == (Repeated(str(number)), 2)


def test_a_text_with_nul_which_libpq_would_cut_is_refused(postgres_engine: Engine) -> None:
    book(postgres_engine)
    cut = replace(a_refund(), reason="plans\0 changed")
    with pytest.raises(DataError, match="NUL"):
        SqlUnitOfWork(postgres_engine).run(lambda ledger: ledger.record(cut, closes_order=False))
    assert count(postgres_engine, refund) == 0


def test_a_statement_outside_of_a_transaction_begins_one(postgres_engine: Engine) -> None:
    book(postgres_engine)
    with postgres_engine.connect() as connection:
        SqlLedger(connection).record(a_refund(), closes_order=False)
        connection.connection.rollback()
    assert count(postgres_engine, refund) == 0


def test_no_error_shows_the_row_it_is_about(postgres_engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    book(postgres_engine)
    caplog.set_level(logging.INFO)

    def insert_again(connection: Connection) -> None:
        connection.execute(insert(orders), dict(connection.execute(select(orders)).mappings().one()))

    run_writing(postgres_engine, once(insert_again))
    assert "attempt 1 of a transaction failed: duplicate key value violates unique constraint" in caplog.text
    assert ORDER not in caplog.text

    def break_a_rule(ledger: Ledger) -> None:
        ledger.record(replace(a_refund(), items={ALICE: -1}), closes_order=False)

    with pytest.raises(IntegrityError) as caught:
        SqlUnitOfWork(postgres_engine).run(break_a_rule)
    shown = "".join(traceback.format_exception(caught.value))
    assert "violates check constraint" in shown
    assert ALICE not in shown
    assert ORDER not in shown


@pytest.mark.parametrize(("sqlstate", "counts"), [("00000", True), ("01000", False), ("01004", False), (None, True)])
def test_a_commit_with_a_notice_counts_and_one_with_a_warning_does_not(
    postgres_engine: Engine, monkeypatch: pytest.MonkeyPatch, sqlstate: str | None, counts: bool
) -> None:
    commit = psycopg.Connection.commit

    def commit_and_say_something(connection: BoundedConnection) -> None:
        commit(connection)
        connection.note(SimpleNamespace(sqlstate=sqlstate, message_primary="by the way"))  # type: ignore[arg-type]

    monkeypatch.setattr(psycopg.Connection, "commit", commit_and_say_something)
    if counts:
        assert run_writing(postgres_engine, lambda connection: 1) == 1
    else:
        with pytest.raises(LedgerUnavailable, match="not durable: by the way"):
            run_writing(postgres_engine, lambda connection: 1)


def test_the_ledger_reads_what_is_committed_whatever_level_the_database_has(postgres_url: str) -> None:
    with opened(postgres_url) as engine:
        name = sql.Identifier(engine.url.database or "")
        execute(
            postgres_url, sql.SQL("ALTER DATABASE {} SET default_transaction_isolation = 'serializable'").format(name)
        )
        level = text("SELECT current_setting('transaction_isolation')")
        assert run_writing(engine, lambda connection: connection.scalar(level)) == "read committed"


def test_a_cancellation_is_not_waited_for_longer_than_there_is_time(
    postgres_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def do_nothing(connection: BoundedConnection, *, timeout: float) -> None:
        asked.append(timeout)

    monkeypatch.setattr(BoundedConnection, "cancel_safe", do_nothing)
    with pytest.raises(LedgerUnavailable, match="neither"):
        run_writing(
            postgres_engine, lambda connection: connection.execute(text("SELECT pg_sleep(30)")), Budget(whole=1.6)
        )
    assert asked == [0.05]
