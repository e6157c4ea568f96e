"""Nonces that have expired leave, a batch a transaction, so that no request waits long."""

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
    """How many rows were deleted: all that expired before `now`. LedgerUnavailable."""

    def purge(connection: Connection) -> int:
        return connection.execute(_PURGE, {"now": now, "batch": batch}).rowcount

    purged = 0
    while deleted := run_writing(engine, purge):
        purged += deleted
    return purged
