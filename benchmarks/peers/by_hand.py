"""A cancellation by hand: the statements of the service, one after the other, through the driver of the database alone.

It has the same transaction, locks and durability. It judges the same rules in a few lines, and has none of what makes
the service survive: no second attempt, no end of a wait beyond what the database itself knows, no gate, no audit trail
beyond the rows. A worker has as many connections as one of the service; on SQLite one, since only one can write.

Pipelined (psycopg alone can do that), what does not need an answer is sent together: all up to the last SELECT, then
the writes with the COMMIT. So it has two round trips, the least there can be.
"""

from __future__ import annotations

import hashlib
import queue
import sqlite3
import uuid
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from refund_api.domain import NOTICE_DAYS
from refund_api.settings import Settings
from refund_api.storage.engines.sqlite import journal

CONNECTIONS: Final = Settings().threads

_SETTINGS: Final = (
    "SELECT set_config('lock_timeout', '3000', true), set_config('statement_timeout', '5000', true), "
    "set_config('idle_in_transaction_session_timeout', '8000', true), set_config('synchronous_commit', 'on', true), "
    "set_config('client_min_messages', 'warning', true), set_config('datestyle', 'ISO', true)"
)
_NONCE: Final = (
    "INSERT INTO request_nonce (nonce, fingerprint, order_number, expires_at) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (nonce) DO NOTHING"
)
_ORDER: Final = "SELECT train_date, state, currency FROM orders WHERE order_number = ?"
_EARLIER: Final = "SELECT refund_id FROM refund WHERE order_number = ? AND set_hash = ?"
_PASSENGERS: Final = (
    "SELECT passenger_id, paid_minor, cancelled_elsewhere_at IS NOT NULL FROM passenger WHERE order_number = ?"
)
_REFUNDED: Final = "SELECT passenger_id FROM refund_item WHERE order_number = ?"
_REFUND: Final = (
    "INSERT INTO refund (order_number, refund_id, set_hash, amount_minor, currency, reason, recorded_at, decided_at, "
    "source, kid, request_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, '127.0.0.1', 'bench', ?)"
)
_ITEM: Final = "INSERT INTO refund_item (order_number, passenger_id, refund_id, amount_minor) VALUES "
_OUTBOX: Final = (
    "INSERT INTO refund_outbox (order_number, refund_id, state, attempts, next_try_at) VALUES (?, ?, 'new', 0, ?)"
)
_CLOSE: Final = "UPDATE orders SET state = 'cancelled', updated_at = ? WHERE order_number = ?"


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
    begin = "BEGIN IMMEDIATE"
    lock = ""

    def __init__(self, url: str) -> None:
        self._path = url.removeprefix("sqlite:///")

    def connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=20, isolation_level=None, check_same_thread=False)
        mode, synchronous = journal(sqlite3.sqlite_version_info)
        for pragma in (f"journal_mode = {mode}", f"synchronous = {synchronous}", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def sql(self, text: str) -> str:
        return text

    def time(self, value: datetime) -> object:
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")


class Postgres:
    """psycopg; it prepares a statement that comes for the sixth time."""

    connections = CONNECTIONS
    begin = "BEGIN"
    lock = " FOR UPDATE"

    def __init__(self, url: str) -> None:
        self._url = url

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._url, autocommit=True)

    def sql(self, text: str) -> str:
        return text.replace("?", "%s")

    def time(self, value: datetime) -> object:
        return value


class Ledger:
    """Cancels on one database; for any number of threads."""

    def __init__(self, url: str, *, pipelined: bool = False) -> None:
        self._pipelined = pipelined
        self._engine = Sqlite(url) if url.startswith("sqlite:") else Postgres(url)
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
        connection.execute(self._engine.begin)
        try:
            refund_id = self._cancel(connection, asked, now)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        return refund_id

    def _cancel(self, connection: Any, asked: Asked, now: datetime) -> str:
        engine = self._engine

        def run(text: str, *values: object) -> Any:
            return connection.execute(engine.sql(text), values)

        if engine.lock:
            run(_SETTINGS)
        expires_at = engine.time(now + timedelta(seconds=360))
        # Pipelined, all of these are sent before the first answer is read.
        nonce = run(_NONCE, asked.nonce, asked.fingerprint, asked.order_number, expires_at)
        order = run(_ORDER + engine.lock, asked.order_number)
        earlier = run(_EARLIER, asked.order_number, asked.set_hash)
        known = run(_PASSENGERS, asked.order_number)
        items = run(_REFUNDED, asked.order_number)
        train_date, state, currency = order.fetchone()
        passengers = {name: (paid, away) for name, paid, away in known.fetchall()}
        refunded = {name for (name,) in items.fetchall()}
        days = (datetime.fromisoformat(str(train_date)).date() - (now + timedelta(hours=8)).date()).days
        assert nonce.rowcount == 1 and earlier.fetchone() is None and state == "booked" and days > NOTICE_DAYS
        assert all(name in passengers and not passengers[name][1] for name in asked.passenger_ids)
        assert not refunded.intersection(asked.passenger_ids)
        refund_id = self._record(run, asked, {name: passengers[name][0] for name in asked.passenger_ids}, currency, now)
        if passengers.keys() == refunded.union(asked.passenger_ids):
            run(_CLOSE, engine.time(now), asked.order_number)
        return refund_id

    def _record(
        self, run: Callable[..., Any], asked: Asked, paid: Mapping[str, int], currency: str, now: datetime
    ) -> str:
        number, refund_id, time = asked.order_number, str(uuid.uuid4()), self._engine.time(now)
        amount, request_id = sum(paid.values()), uuid.uuid4().hex
        run(_REFUND, number, refund_id, asked.set_hash, amount, currency, asked.reason, time, time, request_id)
        items = [value for name in paid for value in (number, name, refund_id, paid[name])]
        run(_ITEM + ", ".join(["(?, ?, ?, ?)"] * len(paid)), *items)
        run(_OUTBOX, number, refund_id, time)
        return refund_id
