"""Databases of both kinds, one migrated and one not, and a server that a test may stop, kill and start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from refund_api.storage import schema
from refund_api.storage.engines.urls import make_engine
from tests.postgres import fresh_database
from tests.replication import Node, nodes


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """A server of the module's own, running."""
    with nodes("alone") as (alone,):
        alone.create()
        alone.start()
        yield alone


@pytest.fixture(params=("sqlite", "postgresql"))
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database that was never migrated."""
    if request.param == "sqlite":
        (tmp_path / "ledger.db").touch()
        yield f"sqlite:///{tmp_path}/ledger.db"
    else:
        with fresh_database(request.getfixturevalue("node").url) as url:
            yield url


@pytest.fixture
def database(empty: str) -> str:
    upgraded(empty)
    return empty


@pytest.fixture
def postgres(node: Node) -> Iterator[str]:
    with fresh_database(node.url) as url:
        upgraded(url)
        yield url
        if node.process is None:
            node.start()


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    upgraded(f"sqlite:///{tmp_path}/ledger.db")
    return f"sqlite:///{tmp_path}/ledger.db"


def upgraded(url: str) -> None:
    engine = make_engine(url, threads=1)
    schema.upgrade(engine)
    engine.dispose()
