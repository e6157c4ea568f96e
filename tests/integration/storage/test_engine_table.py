"""A third engine is a module and a row: SQLite under another name, which no other code has heard of."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from alembic.ddl.sqlite import SQLiteImpl
from sqlalchemy import Engine

from refund_api.cli.db import make_database_directory
from refund_api.settings import Settings, SettingsError
from refund_api.storage import health, schema
from refund_api.storage.audit import audit
from refund_api.storage.engines import sqlite, table
from refund_api.storage.engines.base import EngineKind
from refund_api.storage.engines.table import ENGINES, EngineRow, PerEngine
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.shop.order_view import read_order
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.world import ORDER

from .given import a_nonce, book, cancel


class ThirdImpl(SQLiteImpl):
    """Alembic wants to know every dialect, too."""

    __dialect__ = "third"


class Third:
    """The module of the third engine."""

    NO_LEDGER = "there is nothing"

    def engine_for(self, url: str, *, threads: int) -> Engine:
        engine = sqlite.engine_for(url.replace("third://", "sqlite://"), threads=threads)
        engine.dialect.name = "third"
        return engine

    def __getattr__(self, name: str) -> Any:
        return getattr(sqlite, name)


@pytest.fixture
def third_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    row = EngineRow("third", ("third:///",), "third:///path", None, lambda: cast(EngineKind, Third()))
    monkeypatch.setattr(table, "ENGINES", (*ENGINES, row))
    return f"third:///{tmp_path}/new/ledger.db"


def test_a_third_engine_serves_wherever_the_others_do(third_url: str) -> None:
    assert Settings.from_environ({"REFUND_API_DATABASE_URL": third_url}).database_url == third_url
    make_database_directory(third_url)
    engine = make_engine(third_url, threads=2)
    schema.upgrade(engine)
    assert health.check(engine) == []
    book(engine)
    unit = SqlUnitOfWork(engine)
    assert unit.run(lambda ledger: ledger.claim_nonce(a_nonce("1", "a"), ORDER))
    assert not unit.run(lambda ledger: ledger.claim_nonce(a_nonce("1", "b"), ORDER))
    assert isinstance(unit.run(cancel), str)
    assert read_order(engine, ORDER) is not None
    assert audit(third_url).refunds == 1
    engine.dispose()


def test_a_third_engine_says_in_its_own_words_that_there_is_no_ledger(third_url: str) -> None:
    make_database_directory(third_url)
    engine = make_engine(third_url, threads=1)
    sqlite.make_database(engine)
    (problem,) = health.check(engine)
    assert problem.startswith("there is nothing: restore it; only where there never was a ledger")
    engine.dispose()


@pytest.mark.usefixtures("third_url")
def test_whoever_is_refused_is_told_of_every_engine_there_is() -> None:
    with pytest.raises(ValueError, match="neither sqlite nor postgresql nor third"):
        make_engine("mysql://h/db", threads=1)
    expected = "must be sqlite:///path or postgresql://user@host/database or third:///path"
    with pytest.raises(SettingsError, match=expected):
        Settings.from_environ({"REFUND_API_DATABASE_URL": "mysql://h/db"})


def test_what_an_engine_makes_is_made_once_for_each_of_them() -> None:
    made: list[EngineKind] = []
    values = PerEngine(lambda kind: made.append(kind) or len(made))  # type: ignore[func-returns-value]
    assert list(values) == [row.dialect for row in ENGINES]
    assert (values["sqlite"], values["postgresql"], values["sqlite"], len(made)) == (1, 2, 1, 2)
    assert values.get("mysql") is None
    assert len(values) == len(ENGINES)


def test_every_row_names_a_module_and_its_own_urls() -> None:
    prefixes = [prefix for row in ENGINES for prefix in row.url_prefixes]
    assert len(set(prefixes)) == len(prefixes)
    for row in ENGINES:
        assert row.load() is not None
        assert row.url_example.startswith(row.url_prefixes)
