"""PostgreSQL, through psycopg. A transaction has ended at its deadline, and a COMMIT with a warning counts as failed.

Imported only when a PostgreSQL URL is used: psycopg is an extra.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg
from sqlalchemy import (
    Connection,
    Engine,
    ExceptionContext,
    Insert,
    Table,
    create_engine,
    event,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from ..budget import DEFAULT_BUDGET, Budget, Verdict
from .driver_errors import raise_as_sqlalchemy
from .postgres_connection import BoundedConnection, connecting_until
from .postgres_rows import insert_rows as insert_rows
from .postgres_rows import is_among as is_among
from .postgres_rows import pairs as pairs
from .postgres_rows import together as together
from .postgres_rows import update_rows as update_rows
from .postgres_statements import STATEMENT_DIALECT as STATEMENT_DIALECT
from .postgres_statements import execute as execute
from .postgres_url import hosts, parse

NO_LEDGER = "the database has no ledger where the search_path of this user finds it"
IMPORT_WRITERS = 2

# Every transaction sets these for itself, whatever a role, a database or a URL has set. They are not values of one
# SELECT: planning and answering it takes a twentieth of the time of a cancellation (docs/adr/0014).
# - A client that vanished keeps its rows locked no longer than it had time (25P03).
# - COMMIT waits for the synchronous standby. One that did not says so in a warning, which must not be suppressed.
# - psycopg reads dates in the order of ISO only.
_SETTINGS = """
    SET LOCAL lock_timeout = {lock};
    SET LOCAL statement_timeout = {statement};
    SET LOCAL idle_in_transaction_session_timeout = {whole};
    SET LOCAL synchronous_commit = {synchronous_commit};
    SET LOCAL client_min_messages = warning;
    SET LOCAL datestyle = ISO"""
# An audit waits for the lock of a migration no longer than a cancellation would, but may itself take long.
_AUDIT_SETTINGS = f"SET LOCAL lock_timeout = '{DEFAULT_BUDGET.lock:g}s'; SET LOCAL statement_timeout = 0"
_SERVER = text("""
    SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on',
        current_setting('server_encoding')
""")
# reserved_connections is new in PostgreSQL 16; -1 means no limit.
_CONNECTION_LIMIT = text("""
    SELECT least(
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
            - coalesce(current_setting('reserved_connections', true), '0')::int,
        (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user),
        (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database()))
""")
# With the keepalives, a connection ends when the network swallows packets. Without them a read would wait for hours.
_CONNECT_ARGS = {
    "application_name": "refund-api",
    "connect_timeout": "2",  # for each host; the shortest that libpq knows
    "keepalives_idle": "3",
    "keepalives_interval": "1",
    "keepalives_count": "3",
    "tcp_user_timeout": "6000",
}
_FIXED_ARGS = {"client_encoding": "utf8"}
_OLDEST_LIBPQ = 170000  # an older one cancels with PQcancel, which blocks the whole process without an end

# By SQLSTATE, or the class it begins with. 40: rolled back, as in a deadlock. 08 and 57P: the connection is lost.
# 25P03 and 25P04: the transaction took too long. 23505: another transaction inserted the same key first. 0A000: a
# migration changed the type of a column while a prepared statement returns the old one. 26000 and 42P05: a pgbouncer
# that does not know of prepared statements gave this transaction another connection to the server.
_AGAIN = ("40", "08", "57P", "25P03", "25P04", "23505", "0A000", "26000", "42P05")
# 25006: read only. 42P01 and 42703: a table or column is missing, so the schema is not migrated. 42501: the user
# lacks a privilege. XX: the server has a bug or a broken page.
_UNAVAILABLE = ("25006", "42P01", "42703", "42501", "XX")
# What is tried again must not be tried on the same connection: a standby stays one, and a new connection looks for the
# new primary; a connection remembers which statements it has prepared.
_ON_A_NEW_CONNECTION = ("25006", "26000", "42P05")
# Each connection of the pool would fail alike, so all are made anew: one attempt is lost, not one for each of them.
_ON_A_NEW_POOL = "0A000"
# libpq gives no SQLSTATE when connecting fails, so its English text is looked for. The refusals of a server with other
# lc_messages are not recognised: they are retried as if the connection were lost.
_REFUSED = ("too many clients", "too many connections", "connection slots", "authentication failed", "does not exist")


def engine_for(url: str, *, threads: int) -> Engine:
    """An engine whose pool serves `threads` threads. With several hosts, libpq looks for the one that takes writes."""
    if psycopg.pq.version() < _OLDEST_LIBPQ:
        raise ValueError(f"libpq {psycopg.pq.version() // 10000} is too old: pip install 'psycopg[binary]>=3.2.3'")
    parsed = parse(url)
    defaults = dict(_CONNECT_ARGS)
    if len(hosts(parsed)) > 1:
        defaults["target_session_attrs"] = "read-write"
    engine = create_engine(
        parsed,
        connect_args={name: value for name, value in defaults.items() if name not in parsed.query} | _FIXED_ARGS,
        isolation_level="READ COMMITTED",
        use_native_hstore=False,  # saves the first connection of a process a look-up; hstore is not used
        pool_size=threads,
        max_overflow=0,
        pool_timeout=3,
        hide_parameters=True,
    )

    @event.listens_for(engine, "do_connect")
    def connect(dialect: object, record: object, args: list[Any], options: dict[str, Any]) -> BoundedConnection:
        return BoundedConnection.open(*args, **options)

    event.listen(engine, "handle_error", _leave_out_the_row)
    event.listen(engine, "handle_error", _leave_old_connections)
    return engine


def _leave_out_the_row(context: ExceptionContext) -> None:
    """Cut an error down to its primary message: its DETAIL would show order numbers and passengers in the log."""
    error = context.original_exception
    if isinstance(error, psycopg.Error) and error.diag.message_primary and context.sqlalchemy_exception:
        for shown in (error, context.sqlalchemy_exception):
            shown.args = (error.diag.message_primary,)


def _leave_old_connections(context: ExceptionContext) -> None:
    """SQLAlchemy then makes every connection of the pool anew before its next use, as when the server was restarted."""
    context.is_disconnect |= getattr(context.original_exception, "sqlstate", None) == _ON_A_NEW_POOL


def directory_to_make(url: str) -> None:
    """None: an operator makes the database on the server, and no directory is needed."""


def make_database(engine: Engine) -> None:
    """Does nothing: an operator makes the database on the server."""


def writing(engine: Engine, budget: Budget, end: float) -> AbstractContextManager[Connection]:
    """One transaction, which has ended in COMMIT or an error at `end` (time.monotonic)."""
    return _transaction(engine, budget, end, read_only=False)


def reading(engine: Engine, budget: Budget, end: float) -> AbstractContextManager[Connection]:
    """Like writing(), but read only: the server refuses every write in it (SQLSTATE 25006)."""
    return _transaction(engine, budget, end, read_only=True)


@contextmanager
def _transaction(engine: Engine, budget: Budget, end: float, *, read_only: bool) -> Iterator[Connection]:
    with _connect(engine, end) as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, BoundedConnection)
        driver.end_by(end, budget.whole / 16)
        settings = _settings(budget, driver.synchronous_commit)
        try:
            with connection.begin():
                try:
                    driver.begin(settings, read_only=read_only)
                except psycopg.Error as error:
                    raise_as_sqlalchemy(connection, error)
                yield connection
        except MemoryError:
            driver.spent = True  # an answer may be half read
            raise
        except DBAPIError as error:
            driver.spent |= getattr(error.orig, "sqlstate", None) in _ON_A_NEW_CONNECTION
            raise
        finally:
            driver.end_by(math.inf)
            if driver.spent:
                connection.invalidate()


def _settings(budget: Budget, synchronous_commit: str) -> str:
    lock, statement, whole = (round(seconds * 1000) for seconds in (budget.lock, budget.statement, budget.whole))
    return _SETTINGS.format(lock=lock, statement=statement, whole=whole, synchronous_commit=synchronous_commit)


def _connect(engine: Engine, end: float) -> Connection:
    """A connection from the pool, or a new one, which must be made by `end`."""
    with connecting_until(end):
        return engine.connect()


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A read-only transaction at REPEATABLE READ. It may last; only waits for locks are limited. SQLAlchemyError."""
    readers = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with readers.connect() as connection, connection.begin():
        connection.exec_driver_sql(_AUDIT_SETTINGS)
        yield connection


def insert_unless_exists(table: Table, key: str) -> Insert:
    """ON CONFLICT DO NOTHING. The second of two racing rows waits here for the first to commit."""
    return insert(table).on_conflict_do_nothing(index_elements=[key])


def problems(connection: Connection) -> list[str]:
    """Whether the server takes no writes, or the encoding of the database cannot hold every text."""
    read_only, encoding = connection.execute(_SERVER).one()
    sentences = ["the database is read only: a standby, or made so"] if read_only else []
    if encoding != "UTF8":
        sentences.append(f"the encoding of the database is {encoding}, this code needs UTF8")
    return sentences


def connection_limit(connection: Connection) -> int:
    """The least of what the server, the role and the database allow; what is kept for others does not count."""
    limit: int = connection.execute(_CONNECTION_LIMIT).scalar_one()
    return limit


def missing_privileges(connection: Connection, needed: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those of `needed` that the server does not grant its current user."""
    # A grant on some columns is enough for FOR UPDATE, and may be for the others.
    granted = connection.execute(select(*(func.has_any_column_privilege(*pair) for pair in needed))).one()
    return [pair for pair, is_granted in zip(needed, granted, strict=True) if not is_granted]


def verdict(error: DBAPIError) -> Verdict:
    """By SQLSTATE. An error without one comes from psycopg, which lost the connection or never got one."""
    state = getattr(error.orig, "sqlstate", None)
    operational = isinstance(error.orig, (psycopg.OperationalError, psycopg.InterfaceError))
    if state is None and operational:
        return Verdict.UNAVAILABLE if any(words in str(error.orig) for words in _REFUSED) else Verdict.AGAIN
    if state is None:
        return Verdict.FAULT
    if state.startswith(_AGAIN):
        return Verdict.AGAIN
    return Verdict.UNAVAILABLE if operational or state.startswith(_UNAVAILABLE) else Verdict.FAULT
