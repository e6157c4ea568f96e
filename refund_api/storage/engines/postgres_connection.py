"""A psycopg connection that waits for nothing beyond its deadline: not to be made, not for a statement or a COMMIT.

psycopg waits without an end while it connects, for a statement and for a COMMIT, and no setting of the server bounds
all three (docs/adr/0007). So each of these waits is a loop here that looks at the clock.

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
import select
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.waiting import Ready, Wait

from ...ports import LedgerUnavailable

T = TypeVar("T")

_EVENTS = {Wait.R: select.POLLIN, Wait.W: select.POLLOUT, Wait.RW: select.POLLIN | select.POLLOUT}


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
    _warned: str | None = None

    @classmethod
    def open(cls, *args: Any, **options: Any) -> Self:
        """psycopg.connect. What SQLAlchemy asks the server before the transaction begins has the same end."""
        connection = cls.connect(*args, **options)
        connection.end_by(_thread.end)
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
        """psycopg's loop with a deadline. psycopg 3.2, which is supported too, has no timeout of its own."""
        if self.deadline == math.inf:
            return super().wait(gen, *args, **options)
        poll = select.poll()
        try:
            needed = next(gen)
            while True:
                poll.register(self.fileno(), _EVENTS[needed])
                events = poll.poll(self._patience())
                if events:
                    needed = gen.send(_ready(events[0][1], needed))
                else:
                    self._give_up()
        except StopIteration as end:
            result: T = end.value
            return result

    def _patience(self) -> int:
        """Milliseconds to wait for the server: until the cancel request is due; once it is sent, until the end."""
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
        """Commit. LedgerUnavailable: the COMMIT was cancelled, or it is on this server and on no standby.

        The second is a warning of the server (01000, "canceling wait for synchronous replication").
        """
        if self.info.transaction_status == TransactionStatus.INERROR:
            raise psycopg.errors.InFailedSqlTransaction("an error was swallowed: COMMIT would roll back silently")
        self._warned = None
        super().commit()
        if self._warned is not None or self.spent:
            raise LedgerUnavailable(f"the commit is not durable: {self._warned or 'it was cancelled'}")

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


def _ready(event: int, needed: Wait) -> Ready:
    # A broken connection counts as ready, for reading and writing: libpq is then asked, and says what happened.
    readable = Ready.R if event & ~select.POLLOUT else 0
    writable = Ready.W if event & ~select.POLLIN else 0
    return Ready((readable | writable) & needed)
