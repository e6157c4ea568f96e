"""A ledger that earlier code wrote is answered from as that code did: tests/fixtures/first_house/README.md."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import NullPool, create_engine, inspect, text
from sqlalchemy.engine import make_url

from app import create_app, make_parts
from refund_api.actions import CANCEL
from refund_api.settings import Settings
from refund_api.storage import schema
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.conformance import WsgiApp, bytes_of, environ_of

FIXTURE = Path(__file__).parents[1] / "fixtures" / "first_house"
RECORDED = [json.loads(line) for line in (FIXTURE / "requests.jsonl").read_bytes().splitlines()]
REPEATS = [line for line in RECORDED if line["kind"] == "repeat"]
STOLEN = [line for line in RECORDED if line["kind"] == "stolen"]

Rows = dict[str, list[str]]
"""Table -> its rows, each as text, sorted."""


@contextmanager
def served(url: str, now: datetime, key_ring: str) -> Iterator[WsgiApp]:
    """The application of today on an upgraded database. Nothing else here knows how the service is composed."""
    settings = Settings(database_url=url, keys=key_ring)
    engine = make_engine(url, threads=1)
    schema.upgrade(engine)
    handler = CANCEL.make_handler(make_parts(CANCEL, settings, SqlUnitOfWork(engine)))
    try:
        yield create_app(settings, handler=handler, clock=lambda: now)
    finally:
        engine.dispose()


@dataclass(frozen=True)
class FirstHouse:
    """The recorded ledger in a database of its own, and an application that answers from it."""

    url: str
    app: WsgiApp

    def answers(self, lines: list[dict[str, Any]]) -> dict[str, tuple[str, bytes]]:
        """Content type and body by the id of the request; AssertionError when a status is not 200."""
        return {line["id"]: self._send(line["request"]) for line in lines}

    def _send(self, request: dict[str, Any]) -> tuple[str, bytes]:
        started: list[Any] = []
        body = b"".join(self.app(environ_of(request), lambda *arguments: started.append(arguments)))
        ((status, headers),) = started
        assert status.split()[0] == "200", body
        return dict(headers)["Content-Type"], body

    def rows(self) -> Rows:
        return rows_of(self.url)


@pytest.fixture
def first_house(empty: str) -> Iterator[FirstHouse]:
    load(empty)
    recording = json.loads((FIXTURE / "recording.json").read_bytes())
    now = datetime.fromisoformat(recording["now"])
    with served(empty, now, json.dumps(recording["key_ring"])) as app:
        yield FirstHouse(empty, app)


def load(url: str) -> None:
    """Fill an empty database with the dump of its engine."""
    if make_url(url).get_backend_name() == "postgresql":
        with psycopg.connect(url) as connection:
            connection.execute((FIXTURE / "postgresql.sql").read_bytes())
        return
    file = sqlite3.connect(make_url(url).database or "")
    file.executescript((FIXTURE / "sqlite.sql").read_bytes().decode())
    file.close()


def rows_of(database_url: str) -> Rows:
    """All rows of all tables."""
    url = make_url(database_url)
    drivername = "postgresql+psycopg" if url.get_backend_name() == "postgresql" else url.drivername
    engine = create_engine(url.set(drivername=drivername), poolclass=NullPool)
    with engine.connect() as connection:
        tables = inspect(connection).get_table_names()
        return {table: sorted(map(repr, connection.execute(text(f"SELECT * FROM {table}")))) for table in tables}


def recorded(lines: list[dict[str, Any]]) -> dict[str, tuple[str, bytes]]:
    return {line["id"]: (line["answer"]["content_type"], bytes_of(line["answer"]["body"])) for line in lines}


def test_every_repeat_gets_its_recorded_answer_and_changes_nothing(first_house: FirstHouse) -> None:
    before = first_house.rows()
    assert first_house.answers(REPEATS) == recorded(REPEATS)
    assert first_house.rows() == before


def test_every_stolen_signature_is_rejected_and_changes_nothing(first_house: FirstHouse) -> None:
    before = first_house.rows()
    assert {line["answer"]["code"] for line in STOLEN} == {1002}, "the fixture itself"
    assert first_house.answers(STOLEN) == recorded(STOLEN)
    assert first_house.rows() == before


def test_the_recorded_numbers_are_those_of_all_refunds(first_house: FirstHouse) -> None:
    refunds = first_house.rows()["refund"]
    numbers = {line["answer"]["number"] for line in REPEATS} - {None}
    assert len(numbers) == len(refunds)
    assert all(any(number in refund for refund in refunds) for number in numbers)
