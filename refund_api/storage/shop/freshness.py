"""How fresh the orders are: the newest time up to which an import that came to its end knows the shop."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, bindparam, select, update

from ..engines.table import PerEngine
from ..tables import feed
from ..transaction import run_reading

_NAME = "orders"
NEWEST_FEED = select(feed.c.as_of).where(feed.c.name == _NAME)
_INSERT = PerEngine(lambda kind: kind.insert_unless_exists(feed, "name"))
_UPDATE = update(feed).where(feed.c.name == _NAME, feed.c.as_of < bindparam("newer")).values(as_of=bindparam("newer"))


def note_feed(as_of: datetime, connection: Connection) -> None:
    """Remember that an import came to its end; an older time than the newest changes nothing."""
    connection.execute(_INSERT.on(connection), {"name": _NAME, "as_of": as_of})
    connection.execute(_UPDATE, {"newer": as_of})


def feed_age(engine: Engine, now: datetime) -> timedelta | None:
    """How old the newest feed is at `now` (aware); None when no import has come to its end yet. LedgerUnavailable."""
    as_of: datetime | None = run_reading(engine, lambda connection: connection.scalar(NEWEST_FEED))
    return None if as_of is None else now - as_of
