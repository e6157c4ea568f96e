"""What a cancellation sends: on PostgreSQL by libpq's own trace of the wire, on SQLite by the library's of statements."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg.pq import Trace
from sqlalchemy import Engine, select

from refund_api.storage.tables import orders
from tests.integration.service import Service, service_on
from tests.world import ALICE, BOB

from .conftest import opened
from .given import book


@contextmanager
def sent(engine: Engine) -> Iterator[list[str]]:
    """Fills the list, when the block ends, with what the engine's only connection sends meanwhile.

    On PostgreSQL these are the messages after which a client waits for the server, with the text of a simple query; on
    SQLite the statements.
    """
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
    messages: list[str] = []
    if isinstance(driver, sqlite3.Connection):
        driver.set_trace_callback(messages.append)
        yield messages
        driver.set_trace_callback(None)
        return
    assert isinstance(driver, psycopg.Connection)
    with tempfile.TemporaryFile() as trace:
        driver.pgconn.trace(trace.fileno())
        driver.pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
        yield messages
        driver.pgconn.untrace()
        trace.seek(0)
        lines = [line.decode().strip().split("\t") for line in trace]
        from_client = ["\t".join(line[2:]) for line in lines if line[0] == "F"]
        messages += [message for message in from_client if message.startswith(("Query", "Sync"))]


@pytest.fixture
def served(any_engine: Engine) -> Iterator[Service]:
    """With one connection, which has prepared every statement of a cancellation, and an order of two passengers."""
    with opened(any_engine.url.render_as_string(hide_password=False), threads=1) as engine:
        service = service_on(engine)
        book(engine, "first")
        assert service.cancel("first", ALICE).number
        with engine.begin() as connection:
            for _ in range(6):
                connection.execute(select(orders))  # psycopg has prepared it by itself now
        book(engine, "order")
        yield service


REFUND = {
    "postgresql": ["BEGIN", "Sync", "Sync", "Sync", "Sync", "COMMIT"],
    "sqlite": [
        "PRAGMA",
        "BEGIN",
        "INSERT",
        "SELECT",
        "SELECT",
        "INSERT",
        "INSERT",
        "INSERT",
        "UPDATE",
        "PRAGMA",
        "COMMIT",
    ],
}
REPEAT = {
    "postgresql": ["BEGIN", "Sync", "Sync", "Sync", "COMMIT"],
    "sqlite": ["PRAGMA", "BEGIN", "INSERT", "SELECT", "SELECT", "PRAGMA", "COMMIT"],
}


def verbs(messages: list[str]) -> list[str]:
    return [message.removeprefix("Query").strip('\t "').split()[0] for message in messages]


@pytest.mark.parametrize("passengers", [ALICE, f"{ALICE},{BOB}"], ids=["one", "all"])
def test_a_refund_takes_six_round_trips_and_on_sqlite_eleven_statements(served: Service, passengers: str) -> None:
    with sent(served.engine) as messages:
        assert served.cancel("order", passengers).number
    assert verbs(messages) == REFUND[served.engine.dialect.name]


def test_a_repeat_takes_one_less(served: Service) -> None:
    number = served.cancel("order", ALICE).number
    with sent(served.engine) as messages:
        assert served.cancel("order", ALICE).number == number
    assert verbs(messages) == REPEAT[served.engine.dialect.name]
