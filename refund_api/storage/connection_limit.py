"""How many connections a database allows the user of the service."""

from __future__ import annotations

import time

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from ..ports import LedgerUnavailable
from .budget import Budget
from .engines.table import kind_of


def connection_limit(engine: Engine, seconds: float) -> int | None:
    """The number of connections; None where there is no limit. LedgerUnavailable: not known within `seconds`."""
    kind = kind_of(engine)
    budget = Budget(lock=seconds, statement=seconds, whole=seconds)
    try:
        with kind.reading(engine, budget, time.monotonic() + seconds) as connection:
            return kind.connection_limit(connection)
    except DBAPIError as error:
        raise LedgerUnavailable(" ".join(str(error.orig).split())) from error
