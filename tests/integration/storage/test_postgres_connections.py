"""Connections to PostgreSQL that are lost, refused, frozen or never answered."""

from __future__ import annotations

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

import psycopg
import pytest
from sqlalchemy import Connection, Engine, select

from refund_api.ports import LedgerUnavailable
from refund_api.storage import postgres, schema
from refund_api.storage.budget import Budget
from refund_api.storage.engine import make_engine
from refund_api.storage.tables import orders, refund
from refund_api.storage.unit_of_work import SqlUnitOfWork, write
from tests.postgres import execute

from .conftest import opened
from .given import (
    GENEROUS,
    SMALL,
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


def test_a_restart_in_between_is_waited_for(own_engine: Engine) -> None:
    book(own_engine)
    book(own_engine, "another")

    def crash(connection: Connection) -> None:
        os.kill(pid_of(connection), signal.SIGKILL)  # which makes the server restart all its sessions

    assert isinstance(write(own_engine, once(crash)), str)
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


def test_without_psycopg_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refund_api.storage.engine.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"refund-api\[postgres\]"):
        make_engine("postgresql://h/db", threads=1)


def test_the_ledger_is_imported_without_psycopg() -> None:
    code = "import sys; sys.modules['psycopg'] = None; import refund_api.storage.schema, refund_api.storage.importing"
    subprocess.run([sys.executable, "-c", code], check=True)
