"""Connections to PostgreSQL that are lost, refused, frozen or never answered."""

from __future__ import annotations

import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from sqlalchemy import Connection, Engine, event, select, text

from refund_api.cancel.decision import decide
from refund_api.ports import LedgerUnavailable
from refund_api.storage import health
from refund_api.storage.budget import Budget
from refund_api.storage.engines.postgres_connection import BoundedConnection, connecting_until
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.ledger import SqlLedger
from refund_api.storage.tables import orders, refund
from refund_api.storage.transaction import run_writing
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.postgres import execute
from tests.world import ORDER

from .conftest import opened
from .given import (
    GENEROUS,
    SMALL,
    asked,
    at_once,
    book,
    cancel,
    once,
    pid_of,
    url_of,
    violations,
)


def test_a_connection_lost_in_flight_is_replaced_and_the_work_is_done_again(postgres_engine: Engine) -> None:
    book(postgres_engine)

    def terminate(connection: Connection) -> None:
        execute(url_of(postgres_engine), psycopg.sql.SQL("SELECT pg_terminate_backend({})").format(pid_of(connection)))

    number = run_writing(postgres_engine, once(terminate))
    with postgres_engine.connect() as connection:
        assert connection.scalar(select(refund.c.refund_id)) == number
    assert violations(postgres_engine) == []


def test_a_connection_lost_after_its_commit_gives_the_same_number(
    postgres_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    book(postgres_engine)
    commit = BoundedConnection.commit
    commits = []

    def forgetful_commit(connection: BoundedConnection) -> None:
        commit(connection)
        commits.append(1)
        if len(commits) == 1:
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(BoundedConnection, "commit", forgetful_commit)
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


def test_a_restart_in_between_is_waited_for(own_engine: Engine) -> None:
    book(own_engine)
    book(own_engine, "another")

    def crash(connection: Connection) -> None:
        os.kill(pid_of(connection), signal.SIGKILL)  # which makes the server restart all its sessions

    assert isinstance(run_writing(own_engine, once(crash)), str)
    assert violations(own_engine) == []


def test_a_server_that_is_away_is_unavailable_when_the_budget_is_spent(postgres_engine: Engine) -> None:
    engine = make_engine("postgresql://postgres@/nowhere?host=/nonexistent", threads=1)
    began = time.monotonic()
    with pytest.raises(LedgerUnavailable):
        SqlUnitOfWork(engine, budget=SMALL).run(cancel)
    assert time.monotonic() - began < SMALL.whole + GENEROUS


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
            run_writing(own_engine, once(stop), Budget(lock=0.3, statement=0.6, whole=1))
    finally:
        os.kill(stopped[0], signal.SIGCONT)
    assert time.monotonic() - began < 1 + GENEROUS
    assert isinstance(SqlUnitOfWork(own_engine).run(cancel), str)


def test_a_server_that_never_falls_silent_is_given_up_too(postgres_url: str) -> None:
    chatter = text("""DO $$ BEGIN
        WHILE clock_timestamp() < now() + interval '30 s' LOOP RAISE WARNING 'still at it'; END LOOP;
    END $$""")

    def listen(connection: Connection) -> None:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(chatter)

    with opened(postgres_url) as engine:
        began = time.monotonic()
        with pytest.raises(LedgerUnavailable):
            run_writing(engine, listen, SMALL)
        assert time.monotonic() - began < SMALL.whole + GENEROUS


@contextmanager
def a_frozen_connection(engine: Engine) -> Iterator[None]:
    """The one in the pool; whatever is done meanwhile ends in time, and the next gets another."""
    pooled = run_writing(engine, pid_of)
    os.kill(pooled, signal.SIGSTOP)
    try:
        began = time.monotonic()
        yield
        assert time.monotonic() - began < SMALL.whole + GENEROUS
        assert run_writing(engine, pid_of) != pooled
    finally:
        os.kill(pooled, signal.SIGCONT)


def test_a_pooled_connection_whose_server_process_is_frozen_is_given_up_in_time(own_engine: Engine) -> None:
    book(own_engine)
    unit = SqlUnitOfWork(own_engine, budget=SMALL)
    with a_frozen_connection(own_engine), pytest.raises(LedgerUnavailable, match="the server answers neither"):
        unit.run(cancel)
    with a_frozen_connection(own_engine):
        (problem,) = health.check(own_engine)
        assert problem.startswith("the database cannot be used: the server answers neither")
    assert isinstance(unit.run(cancel), str)


@contextmanager
def silent_servers(count: int) -> Iterator[str]:
    """Hosts that take a connection and say nothing, as a URL lists them."""
    with ExitStack() as stack:
        silent = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        yield ",".join(f"127.0.0.1:{server.getsockname()[1]}" for server in silent)


@pytest.mark.parametrize("query", ["", "?connect_timeout=30"])
def test_servers_that_take_a_connection_and_say_nothing_are_given_up_within_the_budget(query: str) -> None:
    def ask(hosts: int) -> float:
        with silent_servers(hosts) as listed:
            engine = make_engine(f"postgresql://u@{listed}/db{query}", threads=1)
            began = time.monotonic()
            with pytest.raises(LedgerUnavailable, match="in time"):
                SqlUnitOfWork(engine, budget=Budget(whole=3)).run(cancel)
            return time.monotonic() - began

    took = at_once([partial(ask, hosts) for hosts in (1, 2, 3, 4)])
    assert all(isinstance(seconds, float) and seconds < 3 + GENEROUS for seconds in took), took


def test_a_silent_server_is_left_for_the_next_one(own_engine: Engine) -> None:
    with silent_servers(1) as listed:
        sockets = quote(str(own_engine.url.query["host"]), safe="")
        with opened(f"postgresql://postgres@{listed},{sockets}/postgres") as engine:
            assert run_writing(engine, pid_of)


def test_what_is_asked_of_a_connection_before_its_transaction_ends_with_the_budget(own_engine: Engine) -> None:
    """SQLAlchemy asks a few things, once a process; every thread waits for the first that does."""

    def ask(driver: BoundedConnection, record: object) -> None:
        driver.execute("SELECT pg_sleep(20)")

    with opened(url_of(own_engine)) as engine:
        event.listen(engine, "connect", ask)
        began = time.monotonic()
        answers = at_once([partial(SqlUnitOfWork(engine, budget=SMALL).run, cancel)] * 3)
        assert [type(answer) for answer in answers] == [LedgerUnavailable] * 3
        assert time.monotonic() - began < SMALL.whole + GENEROUS
        event.remove(engine, "connect", ask)
        assert run_writing(engine, pid_of)


def test_a_connection_made_outside_a_transaction_has_its_own_time(postgres_url: str) -> None:
    with opened(postgres_url) as engine:
        pooled = run_writing(engine, pid_of)
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, BoundedConnection)
            assert (pid_of(connection), driver.deadline) == (pooled, math.inf)
        engine.dispose()
        with connecting_until(time.monotonic()):
            pass
        engine.connect().close()


def test_no_two_connections_give_a_prepared_statement_the_same_name(postgres_url: str) -> None:
    """A pgbouncer that does not know of prepared statements would let one call what the other has prepared."""

    def names(connection: Connection) -> set[str]:
        SqlLedger(connection).history(ORDER, "")
        return set(connection.scalars(text("SELECT name FROM pg_prepared_statements")))

    with opened(postgres_url) as engine, engine.connect() as one, engine.connect() as another:
        assert len(names(one) | names(another)) == 2


def test_a_rollback_takes_no_prepared_statement_from_a_connection(postgres_url: str) -> None:
    """psycopg would deallocate all of them if it had prepared one itself, as it does when a statement comes often."""

    def roll_back(connection: Connection) -> None:
        for _ in range(6):
            connection.execute(select(orders))
        raise ZeroDivisionError

    with opened(postgres_url, threads=1) as engine:
        book(engine)
        unit_of_work = SqlUnitOfWork(engine)
        unit_of_work.run(cancel)
        with pytest.raises(ZeroDivisionError):
            run_writing(engine, roll_back)
        assert decide(unit_of_work, asked()).attempts == 1


def test_without_psycopg_the_message_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refund_api.storage.engines.table.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'psycopg\[binary\]"):
        make_engine("postgresql://h/db", threads=1)


def test_a_client_library_whose_cancellations_may_never_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psycopg.pq, "version", lambda: 160003)
    with pytest.raises(ValueError, match=r"libpq 16 is too old: pip install 'psycopg\[binary\]>=3\.2\.3'"):
        make_engine("postgresql://h/db", threads=1)


def test_the_ledger_is_imported_without_psycopg() -> None:
    code = (
        "import sys; sys.modules['psycopg'] = None; import refund_api.storage.health, refund_api.storage.shop.importing"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_settings_are_imported_without_any_database_library() -> None:
    code = "import sys; sys.modules['psycopg'] = sys.modules['sqlalchemy'] = None; import refund_api.settings"
    subprocess.run([sys.executable, "-c", code], check=True)
