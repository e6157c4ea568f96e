"""A psycopg connection that waits for nothing beyond its deadline: not to be made, not for a statement or a COMMIT.

psycopg waits without an end while it connects, for a statement and for a COMMIT, and no setting of the server bounds
all three (docs/adr/0007). So here whatever psycopg waits for looks at the clock, at least 50 times a second.

A transaction says when it must have ended (end_by). Whatever runs then goes through these states:
- waiting for the answer, until `grace` seconds before the end;
- cancelled (`spent`): a cancel request is sent, and the answer, mostly an error now, is waited for until the end;
- closed: there was no answer at the end either. OperationalError.
The server may act on a cancel request late, on whatever runs next. So a spent connection is never used again: its
transaction invalidates it.

Connections are made by the pool, in the thread of the transaction that needs one. So that thread, not the connection,
knows until when (connecting_until). Exception: DNS look-ups (getaddrinfo) cannot be bounded.
"""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Self, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.generators import execute
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

from ...ports import LedgerUnavailable

T = TypeVar("T")

_TICK = 0.02  # seconds


class _Thread(threading.local):
    """`end` (time.monotonic) is when a connection must be made that this thread opens; outside transactions, never."""

    end = math.inf


_thread = _Thread()


@contextmanager
def connecting_until(end: float) -> Iterator[None]:
    """Inside the block, this thread makes a connection by `end` (time.monotonic) or gives up: OperationalError."""
    _thread.end = end
    try:
        yield
    finally:
        _thread.end = math.inf


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that cancels a statement `grace` seconds before its end, and closes itself at the end."""

    deadline = math.inf
    grace = 0.5
    spent = False  # a cancel was sent: it may yet hit whatever runs next, so the connection must not be used again
    synchronous_commit = "on"  # a role may ask for more, which is `remote_apply`, but not for less
    _warned: str | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # A pgbouncer that does not know of prepared statements lends one connection to the server to many clients: with
        # the same names, one would run what another has prepared. psycopg counts its own from 0 in each connection.
        self._prepared._prepared_idx = secrets.randbits(62)
        self._statement_names: dict[str, bytes] = {}

    @classmethod
    def open(cls, *args: Any, **options: Any) -> Self:
        """psycopg.connect. What SQLAlchemy asks the server before the transaction begins has the same end."""
        connection = cls.connect(*args, **options, autocommit=True)
        connection.end_by(_thread.end)
        (asked,) = connection.execute("SHOW synchronous_commit").fetchall()
        if asked == ("remote_apply",):
            connection.synchronous_commit = "remote_apply"
        connection.autocommit = False
        connection.add_notice_handler(connection.note)
        return connection

    @classmethod
    def _connect_gen(cls, *args: Any, **options: Any) -> Any:
        """psycopg's generator that connects, with one end for all hosts.

        psycopg alone gives each address of each host a connect_timeout of its own (ADR 0007). It resumes this generator
        every 0.1 s, so the end is noticed in time.
        """
        return _until(_thread.end, super()._connect_gen(*args, **options))

    def end_by(self, end: float, grace: float = grace) -> None:
        """From now on, whatever runs here has ended at `end` (time.monotonic), with an answer or an error."""
        self.grace = grace
        self.deadline = end - grace

    def wait(self, gen: PQGen[T], *args: Any, **options: Any) -> T:
        """psycopg's loop, which resumes the generator also after each _TICK in which the server said nothing."""
        if self.deadline == math.inf:
            return super().wait(gen, *args, **options)
        return super().wait(self._ending(gen), interval=_TICK)

    def _ending(self, gen: PQGen[T]) -> PQGen[T]:
        """The generator `gen`; each time that it still waits for the server, this looks at the clock.

        Also when something came: a server may say little things without an end, and after a _TICK in which nothing came
        psycopg 3.2.3 says that something did.
        """
        try:
            needed = next(gen)
            while True:
                needed = gen.send((yield needed))
                self._look_at_the_clock()
        except StopIteration as done:
            result: T = done.value
            return result

    def _look_at_the_clock(self) -> None:
        """Cancel when it is time for that; once that was done, close at the end."""
        late = time.monotonic() - self.deadline
        if self.spent and late >= self.grace:
            self.close()
            raise psycopg.OperationalError("the server answers neither the statement nor its cancellation")
        if not self.spent and late >= 0:
            self.spent = True
            with suppress(psycopg.Error):
                self.cancel_safe(timeout=self.grace / 2)

    def begin(self, settings: str, *, read_only: bool) -> None:
        """Begin a transaction and run `settings`, statements, in it, in one round trip. psycopg.Error.

        psycopg by itself would send a BEGIN alone, before the first statement.
        """
        level = f" ISOLATION LEVEL {self.isolation_level.name.replace('_', ' ')}" if self.isolation_level else ""
        mode = " READ ONLY" if read_only else ""  # not READ WRITE, which would overrule a server that is made read only
        with self.lock:
            self.pgconn.send_query(f"BEGIN{level}{mode};{settings}".encode())
            self._answer()

    def run_prepared(self, statement: str, values: Sequence[bytes | None]) -> PGresult:
        """Run a statement, which has the places `$1`, `$2`, …, and which the server prepares when it is first run here.

        It runs in the transaction of the connection; as in psycopg, one begins where there is none. psycopg.Error.
        """
        if self.pgconn.transaction_status == TransactionStatus.IDLE:
            self.begin("", read_only=False)
        with self.lock:
            name = self._statement_names.get(statement)
            if name is None:
                name = f"refund_{secrets.token_hex(8)}".encode()
                self.pgconn.send_prepare(name, statement.encode())
                self._answer()
                self._statement_names[statement] = name
            self.pgconn.send_query_prepared(name, values)
            return self._answer()

    def _answer(self) -> PGresult:
        """Of the last statement that was sent. psycopg.Error: of the first that failed."""
        results: list[PGresult] = self.wait(execute(self.pgconn))
        for result in results:
            if result.status == ExecStatus.FATAL_ERROR:
                raise psycopg.errors.error_from_result(result)
        return results[-1]

    def commit(self) -> None:
        """Commit. LedgerUnavailable: the COMMIT was cancelled, or it is on this server and on no standby.

        The second is a warning of the server (01000, "canceling wait for synchronous replication").
        """
        if self.pgconn.transaction_status == TransactionStatus.INERROR:
            raise psycopg.errors.InFailedSqlTransaction("an error was swallowed: COMMIT would roll back silently")
        self._warned = None
        super().commit()
        if self._warned is not None or self.spent:
            raise LedgerUnavailable(f"the commit is not durable: {self._warned or 'it was cancelled'}")

    def rollback(self) -> None:
        """Roll back. Where psycopg has prepared statements, it then deallocates all, and ours are among them."""
        is_idle = self.pgconn.transaction_status == TransactionStatus.IDLE  # then psycopg sends nothing
        deallocates = bool(self._prepared._names) and not is_idle
        super().rollback()
        if deallocates:
            self._statement_names.clear()

    def note(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        """Called by psycopg for each notice of the server; remembers the last warning for commit()."""
        if (diagnostic.sqlstate or "").startswith("01"):
            self._warned = diagnostic.message_primary


def _until(end: float, connecting: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
    """The generator `connecting`, which raises OperationalError when it is resumed after `end`."""
    ready = None
    try:
        while True:
            if time.monotonic() > end:
                raise psycopg.OperationalError("no server answered in time")
            ready = yield connecting.send(ready)
    except StopIteration as done:
        result: T = done.value
        return result
