"""PostgreSQL by psycopg: no wait outlives its deadline, and no COMMIT with a warning counts.

Imported only when a PostgreSQL URL is used: psycopg is an extra.
"""

from __future__ import annotations

import math
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.waiting import Ready, Wait
from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from ..ports import LedgerUnavailable
from .budget import Budget, Verdict

T = TypeVar("T")

_SET_BUDGETS = text("SELECT set_config('lock_timeout', :lock, true), set_config('statement_timeout', :statement, true)")
# A network that swallows packets ends the connection; without these a read would wait for hours.
_CONNECT_ARGS = {
    "application_name": "refund-api",
    "client_encoding": "utf8",
    "keepalives_idle": "3",
    "keepalives_interval": "1",
    "keepalives_count": "3",
    "tcp_user_timeout": "6000",
}
# 40 transaction rollback, 08 and 57P connection lost; 25P03 idle too long; 23505: the other one was first.
# 0A000: a migration changed the type of a column that a prepared statement gives.
_AGAIN = ("40", "08", "57P", "25P03", "23505", "0A000")
# 25006 read only, 42P01 42703 42501: not migrated, or no right to.
_UNAVAILABLE = ("25006", "42P01", "42703", "42501")

# Of a refused connection libpq keeps the SQLSTATE to itself; in another language than English they are asked again.
_REFUSED = ("too many clients", "too many connections", "connection slots", "authentication failed", "does not exist")


class _Connecting(threading.local):
    """What this thread connects for: the `end` (time.monotonic) of a transaction, or nothing that ends."""

    end = math.inf
    transaction = 0.0  # the last one's end
    spent = 0.0  # seconds, on connecting for it


_connecting = _Connecting()
_SHORTEST, _LONGEST = 2, 3  # seconds; libpq takes 1 for 2

_EVENTS = {Wait.R: select.POLLIN, Wait.W: select.POLLOUT, Wait.RW: select.POLLIN | select.POLLOUT}


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that cancels what still runs at `deadline` (time.monotonic) and gives up `grace` seconds later."""

    deadline = math.inf
    grace = 0.0
    spent = False  # a cancel was sent: it may yet hit whatever runs next, so the connection must not be used again
    _warned: str | None = None

    def wait(self, gen: PQGen[T], *args: Any, **options: Any) -> T:
        """psycopg's loop, with an end: 3.2, which we serve too, has no timeout."""
        if self.deadline == math.inf:
            return super().wait(gen, *args, **options)
        poll = select.poll()
        try:
            wanted = next(gen)
            while True:
                poll.register(self.fileno(), _EVENTS[wanted])
                found = poll.poll(self._patience())
                if found:
                    wanted = gen.send(_ready(found[0][1], wanted))
                else:
                    self._give_up()
        except StopIteration as end:
            result: T = end.value
            return result

    def _patience(self) -> int:
        """Milliseconds until the cancellation, or after it until the end."""
        end = self.deadline + self.grace if self.spent else self.deadline
        return max(0, math.ceil((end - time.monotonic()) * 1000))

    def _give_up(self) -> None:
        if self.spent:
            self.close()
            raise psycopg.OperationalError("the server answers neither the statement nor its cancellation")
        self.spent = True
        with suppress(psycopg.Error):
            self.cancel_safe(timeout=self.grace / 2)

    def commit(self) -> None:
        """LedgerUnavailable: done here, but on no standby (01000, "canceling wait for synchronous replication")."""
        if self.info.transaction_status == TransactionStatus.INERROR:
            raise psycopg.errors.InFailedSqlTransaction("an error was swallowed: COMMIT would roll back silently")
        self._warned = None
        super().commit()
        if self._warned is not None:
            raise LedgerUnavailable(f"the commit is not durable: {self._warned}")

    def note(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        """Remember a warning."""
        if (diagnostic.sqlstate or "").startswith("01"):
            self._warned = diagnostic.message_primary


def make_postgres(url: URL, *, threads: int) -> Engine:
    """An engine whose pool serves `threads` threads; a host list gets target_session_attrs=read-write."""
    wanted = dict(_CONNECT_ARGS)
    hosts = _hosts(url)
    if hosts > 1:
        wanted["target_session_attrs"] = "read-write"
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={name: value for name, value in wanted.items() if name not in url.query},
        isolation_level="READ COMMITTED",
        pool_size=threads,
        max_overflow=0,
        pool_timeout=3,
        hide_parameters=True,
    )

    @event.listens_for(engine, "do_connect")
    def connect(dialect: object, record: object, args: list[Any], options: dict[str, Any]) -> BoundedConnection:
        began = time.monotonic()
        try:
            connection = BoundedConnection.connect(*args, **{"connect_timeout": _connect_timeout(hosts), **options})
        finally:
            _connecting.spent += time.monotonic() - began
        connection.add_notice_handler(connection.note)
        return connection

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


def _connect_timeout(hosts: int) -> int:
    """Seconds for each host, as libpq counts; LedgerUnavailable when the budget has none for another attempt."""
    left = _connecting.end - time.monotonic()
    if _connecting.spent > 1 and left < _SHORTEST * hosts:  # silence, not a refusal: the next attempt takes as long
        raise LedgerUnavailable("no server answered in time")
    return int(max(_SHORTEST, min(_LONGEST, left / hosts)))


def _ready(event: int, wanted: Wait) -> Ready:
    # A broken connection is ready for all that was asked: libpq then says what happened.
    readable = Ready.R if event & ~select.POLLOUT else 0
    writable = Ready.W if event & ~select.POLLIN else 0
    return Ready((readable | writable) & wanted)


@contextmanager
def writing(engine: Engine, budget: Budget, end: float) -> Iterator[Connection]:
    """One transaction that has ended, either way, at `end` (time.monotonic)."""
    with _connect(engine, end) as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, BoundedConnection)
        driver.grace = budget.whole / 16
        driver.deadline = end - driver.grace
        try:
            with connection.begin():
                connection.execute(_SET_BUDGETS, {"lock": _ms(budget.lock), "statement": _ms(budget.statement)})
                yield connection
        except DBAPIError as error:
            # A demoted primary: the next connection looks for the new one.
            driver.spent |= getattr(error.orig, "sqlstate", None) == "25006"
            raise
        finally:
            driver.deadline = math.inf
            if driver.spent:
                connection.invalidate()


def _connect(engine: Engine, end: float) -> Connection:
    """One from the pool, or a new one, which must not take longer than there is time."""
    if _connecting.transaction != end:  # not a repetition
        _connecting.transaction, _connecting.spent = end, 0.0
    _connecting.end = end
    try:
        return engine.connect()
    finally:
        _connecting.end = math.inf


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
    return Verdict.UNAVAILABLE if operational or state in _UNAVAILABLE else Verdict.FAULT
