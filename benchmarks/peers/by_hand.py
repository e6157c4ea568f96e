"""A cancellation by hand: the statements of the service (benchmarks/by_hand.py) through the driver alone.

It has the same transaction, locks and durability. It judges the same rules in a few lines, and has none of what makes
the service survive: no second attempt, no end of a wait beyond what the database itself knows, no gate, no audit trail
beyond the rows. A worker has as many connections as one of the service; on SQLite one, since only one can write.

Pipelined (psycopg alone can do that), what does not need an answer is sent together: all up to the last SELECT, then
the write with the COMMIT. So it has two round trips, the least there can be.
"""

from __future__ import annotations

import hashlib
import queue
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from benchmarks import by_hand
from refund_api.domain import NOTICE_DAYS
from refund_api.settings import Settings
from refund_api.storage.engines.sqlite import journal

CONNECTIONS: Final = Settings().threads

# A pipeline sends no two statements as one text.
_PIPELINED_BEGIN: Final = tuple(part.strip() for part in by_hand.BEGIN.split(";"))

Items = Mapping[str, int]
"""Passenger id -> minor units."""


@dataclass(frozen=True)
class Asked:
    """A request as a ledger needs it; the ids are in lower case."""

    order_number: str
    passenger_ids: tuple[str, ...]
    reason: str
    nonce: str
    fingerprint: str

    @property
    def set_hash(self) -> str:
        return hashlib.sha256(",".join(self.passenger_ids).encode()).hexdigest()


def read_asked(members: Mapping[str, Any], body: bytes) -> Asked:
    """From members by their names on the wire; the nonce is that of the service, the fingerprint the body's."""
    signed = f"L|{members['terminal']}|{members['time_stamp']}|{members['random']}"
    return Asked(
        members["order_number"],
        tuple(sorted(members["refund_passanger_ids"].lower().split(","))),
        members["refund_reason"],
        hashlib.sha256(signed.encode()).hexdigest(),
        hashlib.sha256(body).hexdigest(),
    )


class Sqlite:
    """sqlite3, with the journal that the service would choose."""

    connections = 1

    def __init__(self, url: str) -> None:
        self._path = url.removeprefix("sqlite:///")

    def connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=20, isolation_level=None, check_same_thread=False)
        mode, synchronous = journal(sqlite3.sqlite_version_info)
        for pragma in (f"journal_mode = {mode}", f"synchronous = {synchronous}", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def begin(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")

    def run(self, connection: sqlite3.Connection, statement: str, values: Sequence[Any]) -> Any:
        return connection.execute(by_hand.qmark(statement), [by_hand.stored(value) for value in values])

    def record(self, connection: sqlite3.Connection, refund: Sequence[Any], items: Items, now: datetime) -> None:
        order, refund_id = refund[:2]
        self.run(connection, by_hand.REFUND, refund)
        rows = [(order, refund_id, *item) for item in items.items()]
        connection.executemany(f"{by_hand.ITEM} VALUES (?, ?, ?, ?)", rows)
        self.run(connection, by_hand.OUTBOX, (order, refund_id, now))
        self.run(connection, by_hand.CLOSE, (now, order))


class Postgres:
    """psycopg; it prepares a statement that comes for the sixth time."""

    connections = CONNECTIONS

    def __init__(self, url: str, *, pipelined: bool) -> None:
        self._url = url
        self._begin = _PIPELINED_BEGIN if pipelined else (by_hand.BEGIN,)

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._url, autocommit=True)

    def begin(self, connection: psycopg.Connection[Any]) -> None:
        for statement in self._begin:
            connection.execute(statement.encode(), prepare=False)

    def run(self, connection: psycopg.Connection[Any], statement: str, values: Sequence[Any]) -> Any:
        locks = " FOR UPDATE" if statement is by_hand.LOCK else ""
        return connection.execute((statement + locks).encode(), values)

    def record(self, connection: psycopg.Connection[Any], refund: Sequence[Any], items: Items, now: datetime) -> None:
        order, refund_id = refund[:2]
        rows = (order, refund_id, list(items), list(items.values()))
        self.run(connection, by_hand.RECORD, (*refund, *rows, order, refund_id, now, now, order))


class Ledger:
    """Cancels on one database; for any number of threads."""

    def __init__(self, url: str, *, pipelined: bool = False) -> None:
        self._pipelined = pipelined
        self._engine: Any = Sqlite(url) if url.startswith("sqlite:") else Postgres(url, pipelined=pipelined)
        self._free: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(self._engine.connections):
            self._free.put(self._engine.connect())

    def close(self) -> None:
        """Close the connections; nobody cancels any more."""
        for _ in range(self._engine.connections):
            self._free.get().close()

    def cancel(self, asked: Asked, now: datetime) -> str:
        """The number of the refund, once it is committed. AssertionError: the rules refuse it."""
        connection = self._free.get()
        try:
            with connection.pipeline() if self._pipelined else nullcontext():
                return self._in_transaction(connection, asked, now)
        finally:
            self._free.put(connection)

    def _in_transaction(self, connection: Any, asked: Asked, now: datetime) -> str:
        self._engine.begin(connection)
        try:
            refund_id = self._cancel(connection, asked, now)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        return refund_id

    def _cancel(self, connection: Any, asked: Asked, now: datetime) -> str:
        """Every order is cancelled whole, so that it is closed."""
        run, number, set_hash = self._engine.run, asked.order_number, asked.set_hash
        # Pipelined, all of these are sent before the first answer is read.
        expires_at = now + timedelta(seconds=360)
        nonce = run(connection, by_hand.NONCE, (asked.nonce, asked.fingerprint, number, expires_at))
        order = run(connection, by_hand.LOCK, (number,))
        history = run(connection, by_hand.HISTORY, (number, set_hash, number, number))
        train_date, state, currency = order.fetchone()
        rows = history.fetchall()
        days = (datetime.fromisoformat(str(train_date)).date() - (now + timedelta(hours=8)).date()).days
        assert nonce.rowcount == 1 and state == "booked" and days > NOTICE_DAYS
        assert not any(is_away or is_refunded or earlier for _, _, is_away, is_refunded, earlier in rows)
        items = {name: paid for name, paid, *_ in rows}
        assert items.keys() == set(asked.passenger_ids)
        refund_id, amount = str(uuid.uuid4()), sum(items.values())
        facts = (number, refund_id, set_hash, amount, currency, asked.reason, now, now)
        self._engine.record(connection, (*facts, "127.0.0.1", "bench", uuid.uuid4().hex), items, now)
        return refund_id
