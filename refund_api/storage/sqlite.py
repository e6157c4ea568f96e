"""SQLite: one writer at a time, in the order they came, and every commit on the disk.

It promises durability on one disk, not the loss of the host.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from ..ports import LedgerUnavailable
from .budget import Budget, Verdict

_AGAIN = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def journal(version: tuple[int, ...]) -> tuple[str, str]:
    """(journal_mode, synchronous). WAL loses committed writes before the WAL-reset fix of SQLite 3.51.3."""
    fixed = version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
    return ("wal", "FULL") if fixed else ("delete", "EXTRA")


def make_sqlite(url: URL, *, threads: int) -> Engine:
    """An engine on a file. ValueError: in memory, or in a directory that does not exist."""
    if not url.database or url.database == ":memory:" or url.query:
        raise ValueError(f"{url}: the ledger needs a plain file, sqlite:///relative/path or sqlite:////absolute/path")
    path = Path(url.database).resolve()  # once: the working directory may change, and the lock has one name
    if not path.parent.is_dir():
        raise ValueError(f"{url}: the directory {path.parent} does not exist")
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite", database=str(path)),
        pool_size=threads,
        max_overflow=0,
        pool_timeout=3,
        hide_parameters=True,
    )
    event.listen(engine, "connect", _open)
    event.listen(engine, "begin", _begin)
    _watch(engine, path)
    return engine


def _watch(engine: Engine, path: Path) -> None:
    """A connection serves the file it was opened on: never one that a restore has replaced, or that is gone."""

    def identity() -> tuple[int, int]:
        try:
            found = path.stat()
        except FileNotFoundError as error:
            raise LedgerUnavailable(f"{path} is gone: restore it; a new, empty ledger would refund again") from error
        return found.st_dev, found.st_ino

    seen = False

    @event.listens_for(engine, "do_connect")
    def make_no_second_file(dialect: object, record: object, args: object, options: object) -> None:
        if seen:  # connecting would make an empty ledger where one was
            identity()

    @event.listens_for(engine, "connect")
    def remember(driver: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        nonlocal seen
        record.info["file"] = identity()
        seen = True

    @event.listens_for(engine, "checkout")
    def compare(driver: sqlite3.Connection, record: ConnectionPoolEntry, proxy: object) -> None:
        if record.info["file"] != identity():
            raise DisconnectionError("another file has the name now")  # the pool opens it instead


def _open(driver: sqlite3.Connection, record: object) -> None:
    try:
        _make_durable(driver)
    except sqlite3.Error:
        driver.close()
        raise


def _make_durable(driver: sqlite3.Connection) -> None:
    driver.isolation_level = None  # the module shall not begin transactions of its own
    mode, synchronous = journal(sqlite3.sqlite_version_info)
    (found,) = driver.execute(f"PRAGMA journal_mode = {mode}").fetchone()
    if found != mode:
        raise sqlite3.OperationalError(f"the journal is {found} and cannot be made {mode}")
    driver.execute(f"PRAGMA synchronous = {synchronous}")
    driver.execute("PRAGMA foreign_keys = ON")


def _begin(connection: Connection) -> None:
    # A deferred transaction that turns to writing fails at once when another wrote meanwhile, busy timeout or not.
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


@contextmanager
def writing(engine: Engine, budget: Budget, end: float) -> Iterator[Connection]:
    """One writing transaction, alone behind the file lock. LedgerUnavailable: the lock's budget is spent."""
    wait = _left(budget, end)
    with file_lock(f"{engine.url.database}.lock", wait), _transaction(engine, budget, end) as connection:
        yield connection


@contextmanager
def reading(engine: Engine, budget: Budget, end: float) -> Iterator[Connection]:
    """One reading transaction, which waits for no writer but for the moment of its commit."""
    with _transaction(engine, budget, end, reading=True) as connection:
        yield connection


def _left(budget: Budget, end: float) -> float:
    """Seconds that a lock may be waited for now."""
    return max(0.0, min(budget.lock, end - time.monotonic()))


@contextmanager
def _transaction(engine: Engine, budget: Budget, end: float, *, reading: bool = False) -> Iterator[Connection]:
    with engine.connect().execution_options(reading=reading) as connection:
        driver: Any = connection.connection.driver_connection
        driver.execute(f"PRAGMA busy_timeout = {round(_left(budget, end) * 1000)}")
        with connection.begin():
            yield connection


@contextmanager
def file_lock(path: str, seconds: float) -> Iterator[None]:
    """An exclusive lock between processes and threads, in turn; SQLite's own busy handler lets writers starve.

    LedgerUnavailable: not within `seconds`, or no such file can be made.
    """
    try:
        # Opened anew by every caller, because flock belongs to the open file, not to the thread.
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise LedgerUnavailable(f"no lock file: {error}") from error
    try:
        if not _locked_now(file) and not _locked_in_turn(file, seconds):
            raise LedgerUnavailable("the database is busy")
        yield
    finally:
        os.close(file)  # which unlocks


def _locked_now(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _locked_in_turn(file: int, seconds: float) -> bool:
    """Queue in the kernel, which is fair as polling is not; a thread waits, because flock knows no timeout."""
    copy = os.dup(file)  # the same lock: it outlives the thread's copy, or ends with it when we have given up
    granted = threading.Event()

    def wait() -> None:
        fcntl.flock(copy, fcntl.LOCK_EX)
        granted.set()
        os.close(copy)

    threading.Thread(target=wait, name="ledger-lock", daemon=True).start()
    return granted.wait(seconds)


def verdict(error: DBAPIError) -> Verdict:
    """By the primary result code: full, read only, unreadable or not migrated is unavailable."""
    if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _AGAIN:
        return Verdict.AGAIN
    wrong = isinstance(error.orig, (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError))
    return Verdict.FAULT if wrong else Verdict.UNAVAILABLE
