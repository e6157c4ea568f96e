"""How many refunds wait in the outbox, and for how long, and how old the orders are: what graphs and alerts show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Engine, Select, and_, func, select

from .budget import Budget
from .shop.freshness import newest_feed
from .tables import refund, refund_outbox
from .transaction import run_reading

STATES: Final = ("new", "sent", "failed")
MOST_COUNTED: Final = 100_000
"""Rows of one state that are counted. A ledger of millions must not be counted through for every graph."""


@dataclass(frozen=True, slots=True)
class LedgerFigures:
    """Times are aware, UTC.

    `outbox_rows` has the rows of each state, at most MOST_COUNTED. `oldest_waiting` is when the oldest refund that
    waits was recorded, None for none. `feed_as_of` is how far the newest feed knows the shop, None before the first.
    """

    outbox_rows: Mapping[str, int]
    oldest_waiting: datetime | None
    feed_as_of: datetime | None


def read_figures(engine: Engine, budget: Budget) -> LedgerFigures:
    """The figures as they are now. LedgerUnavailable: the database did not give them within the budget."""
    return run_reading(engine, _read, budget)


def _read(connection: Connection) -> LedgerFigures:
    rows = {state: connection.execute(_counting(state)).scalar_one() for state in STATES}
    return LedgerFigures(rows, connection.execute(_OLDEST).scalar_one(), newest_feed(connection))


def _counting(state: str) -> Select[int]:
    of_the_state = select(refund_outbox.c.order_number).where(refund_outbox.c.state == state).limit(MOST_COUNTED)
    return select(func.count()).select_from(of_the_state.subquery())


_OLDEST: Final = (
    select(func.min(refund.c.recorded_at))
    .join(
        refund_outbox,
        and_(refund.c.order_number == refund_outbox.c.order_number, refund.c.refund_id == refund_outbox.c.refund_id),
    )
    .where(refund_outbox.c.state == "new")
)
