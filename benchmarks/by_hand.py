"""A cancellation by hand: the statements of the ledger with the driver alone, for benchmarks/ledger.py."""

from __future__ import annotations

import fcntl
import sqlite3
import uuid
from datetime import UTC, datetime
from typing import Any

import psycopg

from refund_api.cancel.decision import Asked

BEGIN = (
    "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = 3000; SET LOCAL statement_timeout = 5000;"
    " SET LOCAL idle_in_transaction_session_timeout = 8000; SET LOCAL synchronous_commit = on;"
    " SET LOCAL client_min_messages = warning; SET LOCAL datestyle = ISO"
)
NONCE = (
    "INSERT INTO request_nonce (nonce, fingerprint, order_number, expires_at) VALUES (%s, %s, %s, %s)"
    " ON CONFLICT (nonce) DO NOTHING"
)
LOCK = "SELECT train_date, state, currency FROM orders WHERE order_number = %s"
HISTORY = (
    "SELECT p.passenger_id, p.paid_minor, p.cancelled_elsewhere_at IS NOT NULL, i.passenger_id IS NOT NULL,"
    " (SELECT refund_id FROM refund WHERE order_number = %s AND set_hash = %s) FROM passenger p LEFT JOIN refund_item i"
    " ON i.order_number = %s AND i.passenger_id = p.passenger_id WHERE p.order_number = %s"
)
REFUND = (
    "INSERT INTO refund (order_number, refund_id, set_hash, amount_minor, currency, reason, recorded_at, decided_at,"
    " source, kid, request_id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)
ITEM = "INSERT INTO refund_item (order_number, refund_id, passenger_id, amount_minor)"
OUTBOX = (
    "INSERT INTO refund_outbox (order_number, refund_id, state, attempts, next_try_at) VALUES (%s, %s, 'new', 0, %s)"
)
CLOSE = "UPDATE orders SET state = 'cancelled', updated_at = %s WHERE order_number = %s"
RECORD = (
    f"WITH a AS ({REFUND}), b AS ({ITEM} SELECT %s, %s, n.* FROM unnest(%s::text[], %s::bigint[]) n), c AS ({OUTBOX})"
    f" {CLOSE}"
)


def on_postgres(connection: psycopg.Connection[Any], asked: Asked) -> None:
    """By hand, in six round trips."""
    cursor = connection.cursor()
    cursor.execute(BEGIN, prepare=False)
    cursor.execute(NONCE, nonce_of(asked))
    order, (refund_id, now) = asked.cancellation.order_number, new()
    cursor.execute(f"{LOCK} FOR UPDATE", (order,))
    (_, _, currency) = cursor.fetchall()[0]
    cursor.execute(HISTORY, (order, asked.cancellation.set_hash, order, order))
    paid = {row[0]: row[1] for row in cursor.fetchall()}
    items = (order, refund_id, list(paid), list(paid.values()))
    cursor.execute(
        RECORD,
        (*refund_of(asked, refund_id, sum(paid.values()), currency, now), *items, order, refund_id, now, now, order),
    )
    connection.execute("COMMIT", prepare=False)


def on_sqlite(connection: sqlite3.Connection, lock: int | None, asked: Asked) -> None:
    """By hand; `lock` is the open lock file, None: it is not taken."""
    cursor = connection.cursor()
    if lock is not None:
        fcntl.flock(lock, fcntl.LOCK_EX)
    cursor.execute("BEGIN IMMEDIATE")
    cursor.execute(qmark(NONCE), tuple(map(stored, nonce_of(asked))))
    order, (refund_id, now) = asked.cancellation.order_number, new()
    (_, _, currency) = cursor.execute(qmark(LOCK), (order,)).fetchall()[0]
    rows = cursor.execute(qmark(HISTORY), (order, asked.cancellation.set_hash, order, order)).fetchall()
    paid = {row[0]: row[1] for row in rows}
    cursor.execute(qmark(REFUND), tuple(map(stored, refund_of(asked, refund_id, sum(paid.values()), currency, now))))
    cursor.executemany(f"{ITEM} VALUES (?, ?, ?, ?)", [(order, refund_id, *item) for item in paid.items()])
    cursor.execute(qmark(OUTBOX), (order, refund_id, stored(now)))
    cursor.execute(qmark(CLOSE), (stored(now), order))
    cursor.execute("COMMIT")
    if lock is not None:
        fcntl.flock(lock, fcntl.LOCK_UN)


def qmark(statement: str) -> str:
    return statement.replace("%s", "?")


def stored(value: Any) -> Any:
    return value.strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime) else value


def new() -> tuple[str, datetime]:
    return str(uuid.uuid4()), datetime.now(UTC)


def nonce_of(asked: Asked) -> tuple[Any, ...]:
    assert asked.nonce is not None
    return asked.nonce.value, asked.nonce.fingerprint, asked.cancellation.order_number, asked.nonce.expires_at


def refund_of(asked: Asked, refund_id: str, amount: int, currency: str, now: datetime) -> tuple[Any, ...]:
    order, reason = asked.cancellation.order_number, asked.cancellation.reason
    facts = (asked.cancellation.set_hash, amount, currency, reason, now, asked.now)
    return (order, refund_id, *facts, asked.source, asked.kid, asked.request_id)
