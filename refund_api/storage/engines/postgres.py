"""PostgreSQL by psycopg: a transaction ends at its deadline, and no COMMIT with a warning counts.

Imported only when a PostgreSQL URL is used: psycopg is an extra.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from ..budget import Budget, Verdict
from .postgres_connection import BoundedConnection, connecting_until

# What a role, a database or a URL may have set otherwise, for this transaction. A client that vanished (25P03) keeps
# no row locked; a COMMIT waits for the standby, and says so when it did not.
_SET_UP = text("""
    SELECT set_config('lock_timeout', :lock, true), set_config('statement_timeout', :statement, true),
        set_config('idle_in_transaction_session_timeout', :whole, true),
        set_config('synchronous_commit', CASE current_setting('synchronous_commit')
            WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true),
        set_config('client_min_messages', 'warning', true),
        set_config('datestyle', 'ISO', true)
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
_OPTIONS = frozenset(option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults())

# 40 transaction rollback, 08 and 57P connection lost; 25P03 25P04 too long; 23505: the other one was first.
# 0A000: a migration changed the type of a column that a prepared statement gives.
_AGAIN = ("40", "08", "57P", "25P03", "25P04", "23505", "0A000")
# 25006 read only, 42P01 42703 42501: not migrated, or no right to. XX: a bug or a broken page of the server.
_UNAVAILABLE = ("25006", "42P01", "42703", "42501", "XX")
# Of a refused connection libpq keeps the SQLSTATE to itself; in another language than English they are asked again.
_REFUSED = ("too many clients", "too many connections", "connection slots", "authentication failed", "does not exist")


def make_postgres(url: URL, *, threads: int) -> Engine:
    """An engine whose pool serves `threads` threads; a host list gets target_session_attrs=read-write."""
    if psycopg.pq.version() < _LIBPQ:
        raise ValueError(f"libpq {psycopg.pq.version() // 10000} is too old: pip install 'psycopg[binary]>=3.2.3'")
    unknown = sorted(url.query.keys() - _OPTIONS)
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: not known to libpq, PostgreSQL's client library")
    wanted = dict(_CONNECT_ARGS)
    if _hosts(url) > 1:
        wanted["target_session_attrs"] = "read-write"
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={name: value for name, value in wanted.items() if name not in url.query} | _FIXED_ARGS,
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
        for one in (error, context.sqlalchemy_exception):
            one.args = (error.diag.message_primary,)


def _hosts(url: URL) -> int:
    """How many servers the URL names, in SQLAlchemy's spelling or in libpq's. ValueError: SQLAlchemy garbles it."""
    named = url.query.get("host", "")
    listed = named.split(",") if isinstance(named, str) else named
    if any("[" in host for host in listed):
        raise ValueError(f"{listed}: write IPv6 addresses as postgresql://user@[::1]:5432,[::2]:5432/database")
    return len(listed)


@contextmanager
def writing(engine: Engine, budget: Budget, end: float) -> Iterator[Connection]:
    """One transaction that has ended, either way, at `end` (time.monotonic)."""
    with _connect(engine, end) as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, BoundedConnection)
        driver.bound(end, budget.whole / 16)
        times = {"lock": _ms(budget.lock), "statement": _ms(budget.statement), "whole": _ms(budget.whole)}
        try:
            with connection.begin():
                connection.execute(_SET_UP, times)
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


reading = writing


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
