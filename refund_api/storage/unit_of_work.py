"""Transactions, run again until they end or their budget does.

What is run must bear repetition: after a connection lost in COMMIT nobody knows what was written.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ..ports import Clock, Ledger, LedgerUnavailable
from .budget import Budget, Verdict
from .engines import sqlite
from .ledger import SqlLedger, utc_now

T = TypeVar("T")

_BUDGET = Budget()
_log = logging.getLogger(__name__)


class _Database(Protocol):
    """What sqlite.py and postgres.py offer."""

    def writing(self, engine: Engine, budget: Budget, end: float) -> AbstractContextManager[Connection]: ...

    def reading(self, engine: Engine, budget: Budget, end: float) -> AbstractContextManager[Connection]: ...

    def verdict(self, error: DBAPIError) -> Verdict: ...


def _database(engine: Engine) -> _Database:
    if engine.dialect.name == "sqlite":
        return sqlite
    from .engines import postgres  # psycopg is an extra

    return postgres


def write(engine: Engine, work: Callable[[Connection], T], budget: Budget = _BUDGET) -> T:
    """What `work` returned, once committed. LedgerUnavailable: nothing is promised."""
    database = _database(engine)
    return _repeat(database.writing, database.verdict, engine, work, budget)


def read(engine: Engine, work: Callable[[Connection], T], budget: Budget = _BUDGET) -> T:
    """What `work` returned; it must not write, and waits for no writer."""
    database = _database(engine)
    return _repeat(database.reading, database.verdict, engine, work, budget)


def _repeat(
    transaction: Callable[[Engine, Budget, float], AbstractContextManager[Connection]],
    judge: Callable[[DBAPIError], Verdict],
    engine: Engine,
    work: Callable[[Connection], T],
    budget: Budget,
) -> T:
    end = time.monotonic() + budget.whole
    attempt = 0
    while True:
        attempt += 1
        try:
            with transaction(engine, budget, end) as connection:
                return work(connection)
        except PoolTimeout as error:
            raise LedgerUnavailable("no connection is free") from error
        except DBAPIError as error:
            verdict = judge(error)
            if verdict is Verdict.FAULT:
                raise
            pause = _pause(attempt)
            if verdict is Verdict.UNAVAILABLE or time.monotonic() + pause >= end:
                raise LedgerUnavailable(_reason(error)) from error
            _log.info("attempt %d of a transaction failed: %s", attempt, _reason(error))
        time.sleep(pause)


def _pause(attempt: int) -> float:
    """Full jitter: 5 ms doubled each time, at most half a second."""
    return random.uniform(0, min(0.5, 0.0025 * 2 ** min(attempt, 10)))


def _reason(error: DBAPIError) -> str:
    return " ".join(str(error.orig).split())


class SqlUnitOfWork:
    """ports.UnitOfWork."""

    def __init__(self, engine: Engine, *, budget: Budget = _BUDGET, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._budget = budget
        self._clock = clock

    def run(self, work: Callable[[Ledger], T]) -> T:
        return write(self._engine, lambda connection: work(SqlLedger(connection, self._clock)), self._budget)
