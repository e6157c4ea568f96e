"""The refunds of the ledger, one after the other, however many there are.

They are read from one moment of the ledger that keeps no writer waiting, as an audit reads it, because whoever prints
them may be slow. The database sorts them; at most BATCH of them are in memory here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import Engine, Select, select

from ..engines.table import kind_of
from ..tables import refund, refund_outbox

BATCH: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which refunds to list; None is all. `day` is the day in UTC on which they were recorded."""

    day: date | None = None
    state: str | None = None
    source: str | None = None
    order_number: str | None = None


@dataclass(frozen=True, slots=True)
class ListedRefund:
    """A refund; `recorded_at` is aware, UTC. `state` is that of its payment: new, sent, failed; None: not queued."""

    order_number: str
    refund_id: str
    amount_minor: int
    currency: str
    recorded_at: datetime
    source: str
    kid: str
    request_id: str
    state: str | None


def list_refunds(engine: Engine, chosen: Chosen) -> Iterator[ListedRefund]:
    """The chosen refunds in the order they were recorded. ValueError: there is no database. SQLAlchemyError."""
    with kind_of(engine).snapshot(engine) as connection:
        rows = connection.execution_options(yield_per=BATCH).execute(_query(chosen))
        yield from (ListedRefund(*row) for row in rows)


def _query(chosen: Chosen) -> Select[Any]:
    query: Select[Any] = (
        select(
            refund.c.order_number,
            refund.c.refund_id,
            refund.c.amount_minor,
            refund.c.currency,
            refund.c.recorded_at,
            refund.c.source,
            refund.c.kid,
            refund.c.request_id,
            refund_outbox.c.state,
        )
        .select_from(refund.outerjoin(refund_outbox))
        .order_by(refund.c.recorded_at, refund.c.order_number, refund.c.refund_id)
    )
    if chosen.day is not None:
        midnight = datetime.combine(chosen.day, time(), UTC)
        query = query.where(refund.c.recorded_at >= midnight, refund.c.recorded_at < midnight + timedelta(days=1))
    if chosen.state is not None:
        query = query.where(refund_outbox.c.state == chosen.state)
    if chosen.source is not None:
        query = query.where(refund.c.source == chosen.source)
    if chosen.order_number is not None:
        query = query.where(refund.c.order_number == chosen.order_number)
    return query
