"""Looks at the database for health pages and metrics, briefly, and on connections of its own.

Who only watches must never take a connection from a request, nor wait for one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from sqlalchemy import Engine

from ..once import Once
from ..ports import LedgerUnavailable
from .budget import Budget
from .engines.urls import make_engine
from .health import Examined, examine
from .ledger_figures import LedgerFigures, read_figures

CONNECTIONS: Final = 2
"""One for health, one for the figures."""

_WATCHING: Final = Budget(lock=0.5, statement=0.6, whole=0.7)


class DatabaseWatch:
    """Opens nothing before the first look. Both looks may run at once."""

    def __init__(self, url: Callable[[], str]) -> None:
        self.engine = Once(partial(_engine, url))

    def examine(self) -> Examined:
        """What keeps the service from working. LedgerUnavailable, within 0.7 s: the database does not answer."""
        return examine(self.engine(), _WATCHING)

    def read_figures(self) -> LedgerFigures:
        """What waits in the outbox, and how old the orders are. LedgerUnavailable, within 0.7 s."""
        return read_figures(self.engine(), _WATCHING)


def _engine(url: Callable[[], str]) -> Engine:
    try:
        return make_engine(url(), threads=CONNECTIONS)
    except ValueError as error:
        raise LedgerUnavailable(str(error)) from error
