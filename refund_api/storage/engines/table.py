"""The table of the engines. A third engine is a module with the functions of base.EngineKind, and a row here.

The settings read this table too. So it imports nothing but the standard library, and an engine's module only when a
database of that engine is used: its driver may be an extra that is not installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from .base import EngineKind

T = TypeVar("T")


def _load_sqlite() -> EngineKind:
    from . import sqlite

    return sqlite


def _load_postgres() -> EngineKind:
    if find_spec("psycopg") is None:
        raise ValueError("PostgreSQL needs psycopg: pip install 'psycopg[binary]>=3.2.3'")
    from . import postgres

    return postgres


@dataclass(frozen=True, slots=True)
class EngineRow:
    """One engine. `dialect` is SQLAlchemy's name for it; the URLs of its databases begin with one of `url_prefixes`.

    `url_example` is shown to an operator. `exact_collation` compares text byte for byte; None: that is the default.
    `load` gives the module; it raises ValueError when the driver is missing.
    """

    dialect: str
    url_prefixes: tuple[str, ...]
    url_example: str
    exact_collation: str | None
    load: Callable[[], EngineKind]

    @property
    def schemes(self) -> set[str]:
        """What its URLs have before the `://`."""
        return {prefix.partition("://")[0] for prefix in self.url_prefixes}


ENGINES: tuple[EngineRow, ...] = (
    EngineRow("sqlite", ("sqlite:///", "sqlite+pysqlite:///"), "sqlite:///path", None, _load_sqlite),
    EngineRow(
        "postgresql",
        ("postgres://", "postgresql://", "postgresql+psycopg://"),
        "postgresql://user@host/database",
        "C",  # byte order: a new libc may change the order of a locale, and that breaks indexes
        _load_postgres,
    ),
)


def check_url(url: str) -> None:
    """ValueError: no engine has URLs that begin so. Its text leaves the URL out, which may hold a password."""
    if not url.startswith(tuple(prefix for row in ENGINES for prefix in row.url_prefixes)):
        raise ValueError(f"must be {url_examples()}")


def url_examples() -> str:
    """How the URLs of all engines look, in words."""
    return " or ".join(row.url_example for row in ENGINES)


def kind_of(database: Engine | Connection) -> EngineKind:
    """The engine of a database that make_engine has opened."""
    return _kind_named(database.dialect.name)


@cache
def _kind_named(dialect: str) -> EngineKind:
    return {row.dialect: row for row in ENGINES}[dialect].load()


class PerEngine(Mapping[str, T]):
    """A value for each engine, by dialect. Each is made when it is first asked for, and kept."""

    def __init__(self, make: Callable[[EngineKind], T]) -> None:
        self._make = make
        self._made: dict[str, T] = {}

    def on(self, database: Engine | Connection) -> T:
        """The value for the engine of this database."""
        return self[database.dialect.name]

    def __getitem__(self, dialect: str) -> T:
        if dialect not in self._made:
            self._made.setdefault(dialect, self._make(_kind_named(dialect)))
        return self._made[dialect]

    def __iter__(self) -> Iterator[str]:
        return (row.dialect for row in ENGINES)

    def __len__(self) -> int:
        return len(ENGINES)
