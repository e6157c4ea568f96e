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
    """A copy that goes away by itself and cannot be written. ValueError: there is no file. SQLAlchemyError."""
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
    # rw, not rwc: a mistyped name shall not become a database. A file that cannot be written opens all the same;
    # one that can may have to be mended first, after a crash in a commit.
    uri = f"{file.as_uri()}?mode=rw"
    # A commit is waited for no longer than a cancellation would.
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=DEFAULT_BUDGET.lock)) as source:
        # backup() alone would wait for a lock without an end, and hear no Ctrl-C.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        target = sqlite3.connect("", isolation_level=None)
        source.backup(target)
    _expect_whole(target)
    return target


def _expect_whole(database: sqlite3.Connection) -> None:
    """sqlite3.DatabaseError: a page is damaged, so that what is counted means nothing."""
    (result,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if result != "ok":
        database.close()
        raise sqlite3.DatabaseError(f"the file is damaged: {result}")
