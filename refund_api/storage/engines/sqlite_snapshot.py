"""A copy of a SQLite file, for an audit: reading the file for seconds would keep every writer from its commit."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, NullPool, create_engine

from ..budget import DEFAULT_BUDGET


@contextmanager
def snapshot_of(file: Path) -> Iterator[Connection]:
    """A transaction that cannot write, on a copy that is gone afterwards. ValueError: no such file. SQLAlchemyError."""
    if not os.path.exists(file):  # not file.exists(), which raises when the name is too long
        raise ValueError(f"{file} does not exist")
    engine = create_engine("sqlite://", creator=partial(_copy, file), poolclass=NullPool)
    try:
        with engine.connect() as connection, connection.begin():
            connection.exec_driver_sql("PRAGMA query_only = ON")
            yield connection
    finally:
        engine.dispose()


def _copy(file: Path) -> sqlite3.Connection:
    # Mode rw, not rwc, makes no file: a mistyped name must not become a database. And not ro: after a crash in a
    # commit, SQLite first has to roll the file back. Where the file may not be written, rw opens it for reading.
    uri = f"{file.as_uri()}?mode=rw"
    # The timeout: the audit waits for a commit no longer than a cancellation would.
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=DEFAULT_BUDGET.lock)) as source:
        # A read takes the lock first. backup() would wait for it without an end, and Ctrl-C would not stop it.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        target = sqlite3.connect("", isolation_level=None)
        source.backup(target)
    _expect_whole(target)
    return target


def _expect_whole(database: sqlite3.Connection) -> None:
    """sqlite3.DatabaseError: a page is damaged, so no count can be trusted."""
    (result,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if result != "ok":
        database.close()
        raise sqlite3.DatabaseError(f"the file is damaged: {result}")
