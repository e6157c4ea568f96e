"""Tells the ledger of a demo from every other, so that no demo order gets among real ones.

Every demo order says what it is: its number begins with DEMO_PREFIX, and no shop's does.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, exists, or_, select

from .. import schema
from ..tables import orders
from ..transaction import run_reading

DEMO_PREFIX: Final = "DEMO"
BEHIND_THE_PREFIX: Final = "DEMP"
_PATH_OF_A_DEMO: Final = ("instance", "refunds.db")

_AN_ORDER = select(exists().select_from(orders))
# A range and not LIKE, for which one engine has no capitals; and the key has an index for this.
_ANOTHER_ORDER = select(
    exists()
    .select_from(orders)
    .where(or_(orders.c.order_number < DEMO_PREFIX, orders.c.order_number >= BEHIND_THE_PREFIX))
)


class Ledger(Enum):
    """Whose a ledger is."""

    DEMO = "the demo's"
    EMPTY = "empty, and not where a demo keeps its ledger"
    OTHER = "not the demo's: it has other orders"


def whose(engine: Engine) -> Ledger:
    """Whose the ledger is; LedgerUnavailable.

    One without orders, or that is yet to be made, is the demo's where `make run` has it: in a file instance/refunds.db.
    """
    path = Path(engine.url.database or "")
    at_home = path.parts[-2:] == _PATH_OF_A_DEMO
    if at_home and not path.exists():
        return Ledger.DEMO

    def look(connection: Connection) -> Ledger:
        if schema.revision_of(connection) is not None and connection.scalar(_AN_ORDER):
            return Ledger.OTHER if connection.scalar(_ANOTHER_ORDER) else Ledger.DEMO
        return Ledger.DEMO if at_home else Ledger.EMPTY

    return run_reading(engine, look)


def name_of(engine: Engine) -> str:
    """The name of the database: of a file its last part."""
    return Path(engine.url.database or "").name
