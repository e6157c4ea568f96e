"""make_engine: URL -> SQLAlchemy engine. It opens no connection, and a forked child uses none of its parent's."""

from __future__ import annotations

import os
import weakref
from functools import partial

from sqlalchemy import Engine, Pool
from sqlalchemy.engine import make_url

from . import table
from .base import EngineKind

_inherited: list[Pool] = []


def make_engine(url: str, *, threads: int) -> Engine:
    """An engine with a connection for each thread. ValueError: what is wrong with the URL."""
    engine = kind_for(url).engine_for(url, threads=threads)
    os.register_at_fork(after_in_child=partial(forget_inherited, weakref.ref(engine)))
    return engine


def kind_for(url: str) -> EngineKind:
    """The engine that a URL names. ValueError: none does; ArgumentError of SQLAlchemy: it is no URL."""
    scheme = url.partition("://")[0]
    for row in table.ENGINES:
        if scheme in row.schemes:
            return row.load()
    raise ValueError(f"{make_url(url)}: neither {' nor '.join(row.dialect for row in table.ENGINES)}")


def forget_inherited(reference: weakref.ref[Engine]) -> None:
    """In a forked child: leave the connections of the parent alone, and begin with an empty pool."""
    engine = reference()
    if engine is not None:
        # The old pool is kept, so that nothing in it is closed: that would corrupt the file of the parent (SQLite) or
        # end its sessions (PostgreSQL).
        _inherited.append(engine.pool)
        engine.dispose(close=False)
