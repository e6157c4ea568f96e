"""Deletes expired nonces. Each batch has a transaction of its own, so that no request waits long for a lock."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Engine, Integer, bindparam, delete, select

from .tables import request_nonce
from .transaction import run_writing

_EXPIRED = (
    select(request_nonce.c.nonce)
    .where(request_nonce.c.expires_at < bindparam("now"))
    .order_by(request_nonce.c.expires_at)
    .limit(bindparam("batch", type_=Integer))
)
_PURGE = delete(request_nonce).where(request_nonce.c.nonce.in_(_EXPIRED))


def purge_nonces(engine: Engine, now: datetime, batch: int = 1000) -> int:
    """Delete all nonces that expired before `now` (aware); how many there were. LedgerUnavailable."""

    def purge(connection: Connection) -> int:
        return connection.execute(_PURGE, {"now": now, "batch": batch}).rowcount

    purged = 0
    while deleted := run_writing(engine, purge):
        purged += deleted
    return purged
