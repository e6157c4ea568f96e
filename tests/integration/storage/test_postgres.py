"""What only PostgreSQL does: lost connections, deadlocks, standbys that do not answer."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, Engine, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from refund_api.ports import Ledger, LedgerUnavailable
from refund_api.storage import postgres, schema
from refund_api.storage.budget import Budget, Verdict
from refund_api.storage.engine import make_engine
from refund_api.storage.ledger import SqlLedger
from refund_api.storage.tables import orders, refund, request_nonce
from refund_api.storage.unit_of_work import SqlUnitOfWork, write
from tests.postgres import execute

from .conftest import opened
from .given import ALICE, ORDER, a_nonce, a_refund, at_once, book, cancel, count, violations
from .test_unit_of_work import GENEROUS, SMALL


def url_of(engine: Engine) -> str:
    return engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


def pid_of(connection: Connection) -> int:
    return connection.scalar(text("SELECT pg_backend_pid()")) or 0


def once(action: Callable[[Connection], None]) -> Callable[[Connection], str]:
    """Work that records a refund, and at its first attempt then meets with `action`."""
    attempts: list[int] = []

    def work(connection: Connection) -> str:
        number = cancel(SqlLedger(connection))
        assert isinstance(number, str)
        attempts.append(1)
        if len(attempts) == 1:
            action(connection)
        return number

    return work


def test_a_connection_lost_in_flight_is_replaced_and_the_work_is_done_again(postgres_engine: Engine) -> None:
    book(postgres_engine)

    def terminate(connection: Connection) -> None:
        execute(url_of(postgres_engine), psycopg.sql.SQL("SELECT pg_terminate_backend({})").format(pid_of(connection)))

    number = write(postgres_engine, once(terminate))
    with postgres_engine.connect() as connection:
        assert connection.scalar(select(refund.c.refund_id)) == number
    assert violations(postgres_engine) == []


def test_a_connection_lost_after_its_commit_gives_the_same_number(
    postgres_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    book(postgres_engine)
    commit = postgres.BoundedConnection.commit
    commits = []

    def forgetful_commit(connection: postgres.BoundedConnection) -> None:
        commit(connection)
        commits.append(1)
        if len(commits) == 1:
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(postgres.BoundedConnection, "commit", forgetful_commit)
    number = SqlUnitOfWork(postgres_engine).run(cancel)
    assert len(commits) == 2
    with postgres_engine.connect() as connection:
        assert list(connection.scalars(select(refund.c.refund_id))) == [number]


def test_every_connection_lost_between_requests_is_not_noticed(postgres_engine: Engine) -> None:
    book(postgres_engine)
    unit = SqlUnitOfWork(postgres_engine)
    at_once([partial(unit.run, partial(cancel, order_number="unknown"))] * 4)
    execute(
        url_of(postgres_engine),
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    assert isinstance(unit.run(cancel), str)


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
    assert len(attempts) == 3


def test_a_server_that_is_away_is_unavailable_when_the_budget_is_spent(postgres_engine: Engine) -> None:
    engine = make_engine("postgresql://postgres@/nowhere?host=/nonexistent", threads=1)
    began = time.monotonic()
    with pytest.raises(LedgerUnavailable):
        SqlUnitOfWork(engine, budget=SMALL).run(cancel)
    assert time.monotonic() - began < SMALL.whole + GENEROUS


def test_a_slow_statement_is_unavailable_at_the_end_of_its_budget(postgres_engine: Engine) -> None:
    with pytest.raises(LedgerUnavailable, match="statement timeout"):
        write(postgres_engine, lambda connection: connection.execute(text("SELECT pg_sleep(30)")), SMALL)


def test_many_quick_statements_end_with_the_whole_budget_and_so_does_their_connection(postgres_engine: Engine) -> None:
    pids = []

    def work(connection: Connection) -> None:
        pids.append(pid_of(connection))
        for _ in range(100):
            connection.execute(text("SELECT pg_sleep(0.4)"))

    began = time.monotonic()
    with pytest.raises(LedgerUnavailable):
        write(postgres_engine, work, SMALL)
    assert time.monotonic() - began < SMALL.whole + GENEROUS
    assert write(postgres_engine, pid_of) not in pids  # the cancellation might hit whoever came next


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


def test_a_server_without_a_free_place_is_unavailable_at_once(own_engine: Engine) -> None:
    url = url_of(own_engine)
    execute(url, "ALTER DATABASE postgres CONNECTION LIMIT 0", "CREATE ROLE clerk LOGIN")
    engine = make_engine(url.replace("postgres@", "clerk@"), threads=1)
    began = time.monotonic()
    with pytest.raises(LedgerUnavailable, match="too many connections"):
        SqlUnitOfWork(engine, budget=Budget(whole=60)).run(cancel)
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("wrong", [{"username": "nobody"}, {"database": "nowhere"}])
def test_a_server_that_knows_no_such_user_or_database_is_unavailable_at_once(
    own_engine: Engine, wrong: dict[str, Any]
) -> None:
    engine = make_engine(own_engine.url.set(**wrong).render_as_string(), threads=1)
    began = time.monotonic()
    with pytest.raises(LedgerUnavailable, match="does not exist"):
        SqlUnitOfWork(engine, budget=Budget(whole=60)).run(cancel)
    assert time.monotonic() - began < 30


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
        (psycopg.errors.InsufficientPrivilege(), Verdict.UNAVAILABLE),
        (psycopg.errors.CheckViolation(), Verdict.FAULT),
        (psycopg.errors.ForeignKeyViolation(), Verdict.FAULT),
        (psycopg.errors.UntranslatableCharacter(), Verdict.FAULT),
        (psycopg.DataError("PostgreSQL text fields cannot contain NUL"), Verdict.FAULT),
    ],
)
def test_every_kind_of_error_has_its_verdict(error: Exception, verdict: Verdict) -> None:
    assert postgres.verdict(DBAPIError("SELECT 1", {}, error)) is verdict


def without_a_standby(engine: Engine) -> None:
    execute(url_of(engine), "ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()")


def with_no_standby_wanted(engine: Engine) -> None:
    execute(url_of(engine), "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")


def test_a_commit_that_reaches_no_standby_is_unavailable_and_the_repeat_gets_the_number(own_engine: Engine) -> None:
    book(own_engine)
    book(own_engine, "another")
    unit = SqlUnitOfWork(own_engine, budget=SMALL)
    without_a_standby(own_engine)
    began = time.monotonic()
    works = [partial(unit.run, partial(cancel, order_number=number)) for number in (ORDER, "another")]
    answers = at_once([*works, partial(unit.run, partial(_claim_only, "unknown"))])
    assert [type(answer) for answer in answers] == [LedgerUnavailable] * 3
    assert all("not durable" in str(answer) for answer in answers)
    assert time.monotonic() - began < SMALL.whole + GENEROUS
    # A repeat locks the row, so its COMMIT waits as well: no answer rests on what a failover may undo.
    with pytest.raises(LedgerUnavailable, match="not durable"):
        unit.run(cancel)
    with_no_standby_wanted(own_engine)
    number = unit.run(cancel)
    with own_engine.connect() as connection:
        found = select(refund.c.refund_id).where(refund.c.order_number == ORDER)
        assert list(connection.scalars(found)) == [number]
    assert violations(own_engine) == []


def _claim_only(order_number: str, ledger: Ledger) -> None:
    ledger.claim_nonce(a_nonce(), order_number)


def test_a_commit_cancelled_by_somebody_else_is_not_durable_either(own_engine: Engine) -> None:
    book(own_engine)
    without_a_standby(own_engine)
    waiting = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    done = threading.Event()

    def cancel_the_wait() -> None:
        while not done.wait(0.05):
            execute(url_of(own_engine), waiting)

    canceller = threading.Thread(target=cancel_the_wait)
    canceller.start()
    with pytest.raises(LedgerUnavailable, match="canceling wait for synchronous replication"):
        SqlUnitOfWork(own_engine).run(cancel)
    done.set()
    canceller.join()
    with_no_standby_wanted(own_engine)
    assert isinstance(SqlUnitOfWork(own_engine).run(cancel), str)
    assert count(own_engine, refund) == 1


def test_a_server_that_neither_answers_nor_cancels_is_given_up(own_engine: Engine) -> None:
    book(own_engine)
    stopped = []

    def stop(connection: Connection) -> None:
        stopped.append(pid_of(connection))
        os.kill(stopped[0], signal.SIGSTOP)
        connection.execute(select(orders))

    began = time.monotonic()
    try:
        with pytest.raises(LedgerUnavailable, match="neither"):
            write(own_engine, once(stop), Budget(lock=0.3, statement=0.6, whole=1))
    finally:
        os.kill(stopped[0], signal.SIGCONT)
    assert time.monotonic() - began < 1 + GENEROUS
    assert isinstance(SqlUnitOfWork(own_engine).run(cancel), str)


@contextmanager
def a_frozen_connection(engine: Engine) -> Iterator[None]:
    """The one in the pool; whatever is done meanwhile ends in time, and the next gets another."""
    pooled = write(engine, pid_of)
    os.kill(pooled, signal.SIGSTOP)
    try:
        began = time.monotonic()
        yield
        assert time.monotonic() - began < SMALL.whole + GENEROUS
        assert write(engine, pid_of) != pooled
    finally:
        os.kill(pooled, signal.SIGCONT)


def test_a_pooled_connection_whose_server_process_is_frozen_is_given_up_in_time(own_engine: Engine) -> None:
    book(own_engine)
    unit = SqlUnitOfWork(own_engine, budget=SMALL)
    with a_frozen_connection(own_engine), pytest.raises(LedgerUnavailable, match="the server answers neither"):
        unit.run(cancel)
    with a_frozen_connection(own_engine):
        (problem,) = schema.check(own_engine)
        assert problem.startswith("the database cannot be used: the server answers neither")
    assert isinstance(unit.run(cancel), str)


def test_servers_that_take_a_connection_and_say_nothing_are_given_up_within_the_budget() -> None:
    def ask(hosts: int) -> float:
        with ExitStack() as stack:
            silent = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(hosts)]
            listed = ",".join(f"127.0.0.1:{one.getsockname()[1]}" for one in silent)
            engine = make_engine(f"postgresql://u@{listed}/db", threads=1)
            began = time.monotonic()
            with pytest.raises(LedgerUnavailable):
                SqlUnitOfWork(engine).run(cancel)
            return time.monotonic() - began

    took = at_once([partial(ask, hosts) for hosts in (1, 2, 3, 4)])
    assert all(isinstance(one, float) and one < Budget().whole + 1 for one in took), took


def test_a_connection_made_outside_a_transaction_has_its_own_time(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    connect = postgres.BoundedConnection.connect

    def remember(*args: Any, **options: Any) -> Any:
        asked.append(options["connect_timeout"])
        return connect(*args, **options)

    monkeypatch.setattr(postgres.BoundedConnection, "connect", remember)
    with opened(postgres_url) as engine:
        write(engine, pid_of, Budget(lock=1, statement=1, whole=2.5))
        engine.dispose()
        engine.connect().close()
    assert asked == [2, 3]


def test_an_order_that_is_locked_ends_in_the_budget_of_a_lock(postgres_engine: Engine) -> None:
    book(postgres_engine)
    with postgres_engine.begin() as holder:
        SqlLedger(holder).lock_order(ORDER)
        with pytest.raises(LedgerUnavailable, match="lock timeout"):
            SqlUnitOfWork(postgres_engine, budget=Budget(lock=0.2, statement=60, whole=120)).run(cancel)


def test_a_column_that_a_migration_has_widened_costs_nobody_an_answer(postgres_engine: Engine) -> None:
    book(postgres_engine)
    for _ in range(10):  # psycopg prepares what it sees often
        number = SqlUnitOfWork(postgres_engine).run(cancel)
    execute(url_of(postgres_engine), "ALTER TABLE orders ALTER state TYPE VARCHAR(32)")
    assert SqlUnitOfWork(postgres_engine).run(cancel) == number


def test_no_error_shows_the_row_it_is_about(postgres_engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    book(postgres_engine)
    caplog.set_level(logging.INFO)

    def insert_again(connection: Connection) -> None:
        connection.execute(insert(orders), dict(connection.execute(select(orders)).mappings().one()))

    write(postgres_engine, once(insert_again))
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


def test_a_notice_is_no_warning(postgres_engine: Engine) -> None:
    def work(connection: Connection) -> int:
        connection.execute(text("DO $$ BEGIN RAISE NOTICE 'all is well'; END $$"))
        return 1

    assert write(postgres_engine, work) == 1


def test_a_restart_in_between_is_waited_for(own_engine: Engine) -> None:
    book(own_engine)
    book(own_engine, "another")

    def crash(connection: Connection) -> None:
        os.kill(pid_of(connection), signal.SIGKILL)  # which makes the server restart all its sessions

    assert isinstance(write(own_engine, once(crash)), str)
    assert violations(own_engine) == []


def test_without_psycopg_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refund_api.storage.engine.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"refund-api\[postgres\]"):
        make_engine("postgresql://h/db", threads=1)


def test_the_ledger_is_imported_without_psycopg() -> None:
    code = "import sys; sys.modules['psycopg'] = None; import refund_api.storage.schema, refund_api.storage.importing"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_nonce_of_a_request_that_was_not_durable_is_claimed_again_by_its_repeat(own_engine: Engine) -> None:
    book(own_engine)
    unit = SqlUnitOfWork(own_engine, budget=SMALL)

    def work(ledger: Ledger) -> object:
        assert ledger.claim_nonce(a_nonce(), ORDER)
        return cancel(ledger, [ALICE])

    without_a_standby(own_engine)
    with pytest.raises(LedgerUnavailable):
        unit.run(work)
    with_no_standby_wanted(own_engine)
    assert isinstance(unit.run(work), str)
    assert count(own_engine, request_nonce) == 1
