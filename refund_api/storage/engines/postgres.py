"""PostgreSQL by psycopg: a transaction ends at its deadline, and no COMMIT with a warning counts.

Imported only when a PostgreSQL URL is used: psycopg is an extra.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg
from sqlalchemy import (
    Connection,
    Engine,
    ExceptionContext,
    Insert,
    Table,
    TextClause,
    create_engine,
    event,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from ..budget import DEFAULT_BUDGET, Budget, Verdict
from .postgres_connection import BoundedConnection, connecting_until
from .postgres_url import hosts, parse

NO_LEDGER = "the database has no ledger where the search_path of this user finds it"

# Every transaction sets these for itself, whatever a role, a database or a URL has set.
_SETTINGS = {
    "lock_timeout": ":lock",
    "statement_timeout": ":statement",
    # A client that vanished keeps its rows locked no longer than it had time (25P03).
    "idle_in_transaction_session_timeout": ":whole",
    # COMMIT waits for the synchronous standby. A role may ask for more, not for less.
    "synchronous_commit": """CASE current_setting('synchronous_commit')
        WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END""",
    # A COMMIT that did not wait for the standby says so in a warning, which must not be suppressed.
    "client_min_messages": "'warning'",
    # psycopg reads dates in this order only.
    "datestyle": "'ISO'",
}


def _set_all(settings: Mapping[str, str]) -> TextClause:
    """One SELECT: name -> SQL of the value, until the end of the transaction."""
    return text("SELECT " + ", ".join(f"set_config('{name}', {value}, true)" for name, value in settings.items()))


_SET_UP = _set_all(_SETTINGS)
_SET_UP_READING = _set_all(_SETTINGS | {"transaction_read_only": "'on'"})
# A migration is waited for no longer than a cancellation would; the audit itself may take its time.
_AUDIT_SETTINGS = f"SET LOCAL lock_timeout = '{DEFAULT_BUDGET.lock:g}s'; SET LOCAL statement_timeout = 0"
_SERVER = text("""
    SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on',
        current_setting('server_encoding')
""")
# A network that swallows packets ends the connection; without these a read would wait for hours.
_CONNECT_ARGS = {
    "application_name": "refund-api",
    "connect_timeout": "2",  # for each host; the shortest that libpq knows
    "keepalives_idle": "3",
    "keepalives_interval": "1",
    "keepalives_count": "3",
    "tcp_user_timeout": "6000",
}
_FIXED_ARGS = {"client_encoding": "utf8"}
_LIBPQ = 170000  # the first whose cancellation can be bounded; before it PQcancel blocks the whole process

# 40 transaction rollback, 08 and 57P connection lost; 25P03 25P04 too long; 23505: the other one was first.
# 0A000: a migration changed the type of a column that a prepared statement gives.
_AGAIN = ("40", "08", "57P", "25P03", "25P04", "23505", "0A000")
# 25006 read only, 42P01 42703 42501: not migrated, or no right to. XX: a bug or a broken page of the server.
_UNAVAILABLE = ("25006", "42P01", "42703", "42501", "XX")
# libpq gives no SQLSTATE when connecting fails, so its English text is looked for. The refusals of a server with other
# lc_messages are not recognised: they are retried as if the connection were lost.
_REFUSED = ("too many clients", "too many connections", "connection slots", "authentication failed", "does not exist")


def engine_for(url: str, *, threads: int) -> Engine:
    """An engine whose pool serves `threads` threads; a host list gets target_session_attrs=read-write."""
    if psycopg.pq.version() < _LIBPQ:
        raise ValueError(f"libpq {psycopg.pq.version() // 10000} is too old: pip install 'psycopg[binary]>=3.2.3'")
    parsed = parse(url)
    defaults = dict(_CONNECT_ARGS)
    if len(hosts(parsed)) > 1:
        defaults["target_session_attrs"] = "read-write"
    engine = create_engine(
        parsed,
        connect_args={name: value for name, value in defaults.items() if name not in parsed.query} | _FIXED_ARGS,
        isolation_level="READ COMMITTED",
        use_native_hstore=False,  # not used; the first connection of a process need not look it up
        pool_size=threads,
        max_overflow=0,
        pool_timeout=3,
        hide_parameters=True,
    )

    @event.listens_for(engine, "do_connect")
    def connect(dialect: object, record: object, args: list[Any], options: dict[str, Any]) -> BoundedConnection:
        return BoundedConnection.open(*args, **options)

    event.listen(engine, "handle_error", _leave_out_the_row)
    return engine


def _leave_out_the_row(context: ExceptionContext) -> None:
    """Of an error for the log: DETAIL shows order numbers and passengers."""
    error = context.original_exception
    if isinstance(error, psycopg.Error) and error.diag.message_primary and context.sqlalchemy_exception:
        for shown in (error, context.sqlalchemy_exception):
            shown.args = (error.diag.message_primary,)


def directory_to_make(url: str) -> None:
    """None: a server's databases are somebody else's to make."""


def make_database(engine: Engine) -> None:
    """Nothing: a server's databases are somebody else's to make."""


def writing(engine: Engine, budget: Budget, end: float) -> AbstractContextManager[Connection]:
    """One transaction that has ended, either way, at `end` (time.monotonic)."""
    return _transaction(engine, budget, end, _SET_UP)


def reading(engine: Engine, budget: Budget, end: float) -> AbstractContextManager[Connection]:
    """The same, but read only: the server refuses every write in it (25006)."""
    return _transaction(engine, budget, end, _SET_UP_READING)


@contextmanager
def _transaction(engine: Engine, budget: Budget, end: float, set_up: TextClause) -> Iterator[Connection]:
    with _connect(engine, end) as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, BoundedConnection)
        driver.bound(end, budget.whole / 16)
        times = {"lock": _ms(budget.lock), "statement": _ms(budget.statement), "whole": _ms(budget.whole)}
        try:
            with connection.begin():
                connection.execute(set_up, times)
                yield connection
        except DBAPIError as error:
            # A demoted primary: the next connection looks for the new one.
            driver.spent |= getattr(error.orig, "sqlstate", None) == "25006"
            raise
        finally:
            driver.bound(math.inf)
            if driver.spent:
                connection.invalidate()


def _connect(engine: Engine, end: float) -> Connection:
    """One from the pool, or a new one, which must not take longer than there is time."""
    with connecting_until(end):
        return engine.connect()


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A read-only transaction at REPEATABLE READ, with no end but a budget for locks. SQLAlchemyError."""
    readers = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with readers.connect() as connection, connection.begin():
        connection.exec_driver_sql(_AUDIT_SETTINGS)
        yield connection


def insert_unless_exists(table: Table, key: str) -> Insert:
    """ON CONFLICT DO NOTHING. The second of two racing rows waits here for the first to commit."""
    return insert(table).on_conflict_do_nothing(index_elements=[key])


def problems(connection: Connection) -> list[str]:
    """A server that takes no writes, or a database that takes not every text."""
    read_only, encoding = connection.execute(_SERVER).one()
    sentences = ["the database is read only: a standby, or made so"] if read_only else []
    if encoding != "UTF8":
        sentences.append(f"the encoding of the database is {encoding}, this code needs UTF8")
    return sentences


def missing_privileges(connection: Connection, needed: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """By what the server says of its current user."""
    # A grant on some columns is enough for FOR UPDATE, and may be for the others.
    granted = connection.execute(select(*(func.has_any_column_privilege(*pair) for pair in needed))).one()
    return [pair for pair, is_granted in zip(needed, granted, strict=True) if not is_granted]


def _ms(seconds: float) -> str:
    return str(round(seconds * 1000))


def verdict(error: DBAPIError) -> Verdict:
    """By SQLSTATE; an error without one is the client's, who lost or never had the connection."""
    state = getattr(error.orig, "sqlstate", None)
    operational = isinstance(error.orig, (psycopg.OperationalError, psycopg.InterfaceError))
    if state is None and operational:
        return Verdict.UNAVAILABLE if any(words in str(error.orig) for words in _REFUSED) else Verdict.AGAIN
    if state is None:
        return Verdict.FAULT
    if state.startswith(_AGAIN):
        return Verdict.AGAIN
    return Verdict.UNAVAILABLE if operational or state.startswith(_UNAVAILABLE) else Verdict.FAULT
