"""The unit of work of the service: the ledger inside one writing transaction."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from sqlalchemy import Engine

from ..ports import Clock, Ledger, utc_now
from .budget import DEFAULT_BUDGET, Budget
from .ledger import SqlLedger
from .order_waits import OrderWaits
from .transaction import run_writing

T = TypeVar("T")


def _open_gate() -> AbstractContextManager[float]:
    return nullcontext(0.0)


class SqlUnitOfWork:
    """ports.UnitOfWork. `gate` lets a request into the ledger and gives the seconds that it waited (gate.py)."""

    def __init__(
        self,
        engine: Engine,
        *,
        budget: Budget = DEFAULT_BUDGET,
        clock: Clock = utc_now,
        gate: Callable[[], AbstractContextManager[float]] = _open_gate,
    ) -> None:
        self._engine = engine
        self._budget = budget
        self._clock = clock
        self._gate = gate
        self._waits = OrderWaits()

    def run(self, work: Callable[[Ledger], T]) -> T:
        with self._gate() as waited:
            return run_writing(
                self._engine,
                lambda connection: work(SqlLedger(connection, self._clock, self._waits)),
                self._budget.after(waited),
            )
