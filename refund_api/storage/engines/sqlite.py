"""SQLite: one writer at a time, in the order they came, and every commit on the disk.

A committed refund survives a crash of the process or the machine, but not the loss of the disk.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine, Insert, Table, create_engine, event
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from ...ports import LedgerUnavailable
from ..budget import Budget, Verdict
from .base import WAYS_OUT
from .driver_errors import raise_as_sqlalchemy
from .file_lock import lock_of
from .sqlite_file import file_identity, follow_file, real_path
from .sqlite_rows import insert_rows as insert_rows
from .sqlite_rows import is_among as is_among
from .sqlite_rows import pairs as pairs
from .sqlite_rows import together as together
from .sqlite_rows import update_rows as update_rows
from .sqlite_snapshot import snapshot_of
from .sqlite_statements import STATEMENT_DIALECT as STATEMENT_DIALECT
from .sqlite_statements import execute as execute

NO_LEDGER = "the database has no ledger"
IMPORT_WRITERS = 1  # one transaction writes at a time
_CONNECT_TIMEOUT = 0.3  # seconds: the busy timeout while connecting; when it is over, the next attempt begins
_SPARE = 1 << 20  # bytes: with less free space on the disk the next COMMIT may fail
_AGAIN = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def journal(version: tuple[int, ...]) -> tuple[str, str]:
    """(journal_mode, synchronous). WAL loses committed writes before the WAL-reset fix of SQLite 3.51.3."""
    fixed = version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
    return ("wal", "FULL") if fixed else ("delete", "EXTRA")


def engine_for(url: str, *, threads: int) -> Engine:
    """An engine on a file. ValueError: in memory, or in a directory that does not exist."""
    if "?" in url:
        raise ValueError(f"{url}: a file needs no options; a ? in its name is written %3F")
    parsed = make_url(url)
    if not parsed.database or parsed.database == ":memory:":
        raise ValueError(
            f"{parsed}: the ledger needs a plain file, sqlite:///relative/path or sqlite:////absolute/path"
        )
    path = Path(parsed.database).absolute()  # resolved once, because the working directory may change
    if not os.path.isdir(path.parent):
        raise ValueError(f"{parsed}: there is no directory {path.parent} that may be entered: {WAYS_OUT}")
    engine = create_engine(
        parsed.set(drivername="sqlite+pysqlite", database=str(path)),
        pool_size=threads,
        max_overflow=0,
        pool_timeout=3,
        connect_args={"timeout": _CONNECT_TIMEOUT},
        hide_parameters=True,
    )
    event.listen(engine, "connect", _open)
    event.listen(engine, "begin", _begin)
    follow_file(engine, path)
    return engine


def directory_to_make(url: str) -> Path:
    """The directory of the file."""
    return Path(make_url(url).database or "").parent


def make_database(engine: Engine) -> None:
    """A new, empty database where there is none; nothing else makes one. LedgerUnavailable."""
    try:
        os.close(os.open(engine.url.database or "", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660))
    except OSError as error:
        raise LedgerUnavailable(f"the database cannot be made: {error}") from error


def _open(driver: sqlite3.Connection, record: object) -> None:
    try:
        _make_durable(driver)
    except (sqlite3.Error, MemoryError):
        driver.close()
        raise


def _make_durable(driver: sqlite3.Connection) -> None:
    driver.isolation_level = None  # otherwise the sqlite3 module would begin transactions by itself
    mode, synchronous = journal(sqlite3.sqlite_version_info)
    (mode_now,) = driver.execute(f"PRAGMA journal_mode = {mode}").fetchone()
    if mode_now != mode:
        raise sqlite3.OperationalError(f"the journal is {mode_now} and cannot be made {mode}")
    driver.execute(f"PRAGMA synchronous = {synchronous}")
    driver.execute("PRAGMA foreign_keys = ON")


def _begin(connection: Connection) -> None:
    # A deferred transaction that turns to writing fails at once when another wrote meanwhile, busy timeout or not.
    reading = connection.get_execution_options().get("reading", False)
    try:
        _driver_of(connection).execute("BEGIN" if reading else "BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        raise_as_sqlalchemy(connection, error)


def _driver_of(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


@cache
def _path(database: str) -> Path:
    return Path(database)  # parsing it takes as long as a statement


@contextmanager
def writing(engine: Engine, budget: Budget, end: float) -> Iterator[Connection]:
    """One writing transaction, while holding the file lock. LedgerUnavailable: no file, or no lock in its budget."""
    path = _path(engine.url.database or "")
    with lock_of(real_path(path, file_identity(path))).held(_lock_seconds(budget, end)):
        with _transaction(engine, budget, end) as connection:
            file = connection.connection.info["file"]
            yield connection
        if file_identity(path) != file:
            raise LedgerUnavailable(f"{path} was replaced before the commit, which went to the file that had the name")


@contextmanager
def reading(engine: Engine, budget: Budget, end: float) -> Iterator[Connection]:
    """One transaction that cannot write. It waits for a writer only while that one commits."""
    with _transaction(engine, budget, end, reading=True) as connection:
        yield connection


@contextmanager
def _transaction(engine: Engine, budget: Budget, end: float, *, reading: bool = False) -> Iterator[Connection]:
    with engine.connect() as connection:
        if reading:
            connection.execution_options(reading=True)
        driver = _driver_of(connection)
        try:
            _wait_for_locks(driver, budget, end)
            with _read_only(driver) if reading else nullcontext(), connection.begin():
                yield connection
                _wait_for_locks(driver, budget, end)  # the COMMIT may wait for the time that the statements left
        except MemoryError:
            connection.invalidate()  # nobody knows what it has left undone
            raise
        except DBAPIError as error:
            if verdict(error) is Verdict.UNAVAILABLE:
                connection.invalidate()  # a connection that was opened on a read-only file stays read-only
            raise


@contextmanager
def _read_only(driver: sqlite3.Connection) -> Iterator[None]:
    """Inside the block no statement can write. Afterwards they can, because the pool lends the connection to others."""
    driver.execute("PRAGMA query_only = ON")
    try:
        yield
    finally:
        driver.execute("PRAGMA query_only = OFF")


def _wait_for_locks(driver: sqlite3.Connection, budget: Budget, end: float) -> None:
    driver.execute(f"PRAGMA busy_timeout = {round(_lock_seconds(budget, end) * 1000)}")


def _lock_seconds(budget: Budget, end: float) -> float:
    """How many seconds a lock may be waited for from now on."""
    return max(0.0, min(budget.lock, end - time.monotonic()))


def verdict(error: DBAPIError) -> Verdict:
    """By the primary result code. A disk that is full or read only, or a missing table, is UNAVAILABLE."""
    if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _AGAIN:
        return Verdict.AGAIN
    wrong = isinstance(error.orig, (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError))
    return Verdict.FAULT if wrong else Verdict.UNAVAILABLE


def snapshot(engine: Engine) -> AbstractContextManager[Connection]:
    """A transaction on a copy of the file: reading the file itself would keep writers from their commits."""
    return snapshot_of(Path(engine.url.database or ""))


def insert_unless_exists(table: Table, key: str) -> Insert:
    """ON CONFLICT DO NOTHING."""
    return insert(table).on_conflict_do_nothing(index_elements=[key])


def problems(connection: Connection) -> list[str]:
    """A file, a directory, a lock file or a disk that cannot be written to."""
    named = Path(connection.engine.url.database or "")
    path = real_path(named, file_identity(named))
    sentences = [f"not writable: {needed}" for needed in (path, path.parent) if not os.access(needed, os.W_OK)]
    try:
        lock_of(path).probe()
    except OSError as error:
        sentences.append(f"the lock file cannot be used: {error}")
    if shutil.disk_usage(path.parent).free < _SPARE:
        sentences.append(f"the disk is full: {path.parent}")
    return sentences


def connection_limit(connection: Connection) -> None:
    """None: a file has no limit."""


def missing_privileges(connection: Connection, needed: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """An empty list: whoever may write the file may do everything in it."""
    return []
