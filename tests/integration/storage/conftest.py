"""A migrated database a test: on SQLite, and on PostgreSQL at both isolation levels the ledger must hold at."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from refund_api.storage.engines.urls import make_engine
from refund_api.storage.schema import upgrade
from tests.postgres import fresh_database, own_server, postgres_server

THREADS = 8
LEVELS = ("READ COMMITTED", "SERIALIZABLE")
forks = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")  # of Python 3.12, beside threads


@contextmanager
def opened(url: str, *, threads: int = THREADS, level: str = "") -> Iterator[Engine]:
    """An engine; `level` replaces the isolation level that it was made with."""
    engine = make_engine(url, threads=threads)
    try:
        yield engine.execution_options(isolation_level=level) if level else engine
    finally:
        engine.dispose()


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(server: str) -> Iterator[str]:
    with fresh_database(server) as url:
        with opened(url) as engine:
            upgrade(engine)
        yield make_url(url).database or ""


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "ledger.db"
    with opened(f"sqlite:///{path}") as engine:
        upgrade(engine)
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'ledger.db')}"


@pytest.fixture
def sqlite_engine(sqlite_url: str) -> Iterator[Engine]:
    with opened(sqlite_url) as engine:
        yield engine


@pytest.fixture
def postgres_url(server: str, postgres_template: str) -> Iterator[str]:
    with fresh_database(server, template=postgres_template) as url:
        yield url


@pytest.fixture(params=LEVELS)
def postgres_engine(request: pytest.FixtureRequest, postgres_url: str) -> Iterator[Engine]:
    with opened(postgres_url, level=request.param) as engine:
        yield engine


@pytest.fixture(params=("sqlite", *LEVELS))
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_engine")
    else:
        with opened(request.getfixturevalue("postgres_url"), level=request.param) as engine:
            yield engine


@pytest.fixture(params=("sqlite", "postgres"))
def any_engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Each engine once, at the isolation level it has by itself."""
    with opened(request.getfixturevalue(f"{request.param}_url")) as engine:
        yield engine


@pytest.fixture(params=("sqlite", "postgres"))
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database that was never migrated."""
    if request.param == "sqlite":
        (tmp_path / "empty.db").touch()
        yield f"sqlite:///{tmp_path}/empty.db"
    else:
        with fresh_database(request.getfixturevalue("server")) as url:
            yield url


@pytest.fixture
def own_engine() -> Iterator[Engine]:
    """A migrated database on a server of the test's own, whose settings it may spoil."""
    with own_server() as url, opened(url) as engine:
        upgrade(engine)
        yield engine
