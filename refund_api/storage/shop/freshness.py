"""How fresh the orders are: the newest time up to which an import that came to its end knows the shop."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from ..engines.table import PerEngine
from ..tables import feed

_NAME = "orders"
_NEWEST = select(feed.c.as_of).where(feed.c.name == _NAME)
_INSERT = PerEngine(lambda kind: kind.insert_unless_exists(feed, "name"))
_UPDATE = update(feed).where(feed.c.name == _NAME, feed.c.as_of < bindparam("newer")).values(as_of=bindparam("newer"))


def note_feed(as_of: datetime, connection: Connection) -> None:
    """Remember that an import came to its end; an older time than the newest changes nothing."""
    connection.execute(_INSERT.on(connection), {"name": _NAME, "as_of": as_of})
    connection.execute(_UPDATE, {"newer": as_of})


def newest_feed(connection: Connection) -> datetime | None:
    """Up to when (aware, UTC) the newest feed knows the shop; None when no import has come to its end yet."""
    as_of: datetime | None = connection.scalar(_NEWEST)
    return as_of
