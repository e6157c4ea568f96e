"""The unit of work of the service: the ledger inside one writing transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Engine

from ..ports import Clock, Ledger, utc_now
from .budget import DEFAULT_BUDGET, Budget
from .ledger import SqlLedger
from .transaction import run_writing

T = TypeVar("T")


class SqlUnitOfWork:
    """ports.UnitOfWork."""

    def __init__(self, engine: Engine, *, budget: Budget = DEFAULT_BUDGET, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._budget = budget
        self._clock = clock

    def run(self, work: Callable[[Ledger], T]) -> T:
        return run_writing(self._engine, lambda connection: work(SqlLedger(connection, self._clock)), self._budget)
