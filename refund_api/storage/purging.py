"""Deletes what need not be kept: expired nonces, and the reasons of old refunds, which passengers may have told.

Each batch has a transaction of its own, so that no request waits long for a lock. What the ledger proves is never
touched: amounts, numbers, items.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Engine, Integer, bindparam, delete, select, tuple_, update

from .tables import refund, request_nonce
from .transaction import run_writing

_BATCH = bindparam("batch", type_=Integer)
_EXPIRED = (
    select(request_nonce.c.nonce)
    .where(request_nonce.c.expires_at < bindparam("now"))
    .order_by(request_nonce.c.expires_at)
    .limit(_BATCH)
)
_PURGE = delete(request_nonce).where(request_nonce.c.nonce.in_(_EXPIRED))
_KEY = (refund.c.order_number, refund.c.refund_id)
# Each batch begins behind the last: there is no index on the time, and a timer runs this on millions of refunds.
_TOLD_BEFORE = (
    select(*_KEY)
    .where(
        tuple_(*_KEY) > tuple_(bindparam("last_order"), bindparam("last_refund")),
        refund.c.reason.is_not(None),
        refund.c.recorded_at < bindparam("before"),
    )
    .order_by(*_KEY)
    .limit(_BATCH)
)
_REMOVE_REASON = (
    update(refund)
    .where(refund.c.order_number == bindparam("the_order"), refund.c.refund_id == bindparam("the_refund"))
    .values(reason=None)
)


def purge_nonces(engine: Engine, now: datetime, batch: int = 1000) -> int:
    """Delete all nonces that expired before `now` (aware); how many there were. LedgerUnavailable."""

    def purge(connection: Connection) -> int:
        return connection.execute(_PURGE, {"now": now, "batch": batch}).rowcount

    purged = 0
    while deleted := run_writing(engine, purge):
        purged += deleted
    return purged


def purge_reasons(engine: Engine, before: datetime, batch: int = 1000) -> int:
    """Remove the reasons of all refunds recorded before that time (aware); how many there were. LedgerUnavailable."""
    last = ("", "")
    purged = 0

    def purge(connection: Connection) -> list[tuple[str, str]]:
        place = {"last_order": last[0], "last_refund": last[1], "before": before, "batch": batch}
        keys = [(order_number, refund_id) for order_number, refund_id in connection.execute(_TOLD_BEFORE, place)]
        if keys:
            rows = [{"the_order": order_number, "the_refund": refund_id} for order_number, refund_id in keys]
            connection.execute(_REMOVE_REASON, rows)
        return keys

    while keys := run_writing(engine, purge):
        last = keys[-1]
        purged += len(keys)
    return purged
