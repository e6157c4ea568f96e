"""Runs a piece of work in a transaction, and again in a new one until it succeeds or its time is over.

Two requests may want the same rows, a server may restart, a connection may break. Most such errors are gone when the
whole transaction is run again, so it is, with a pause that grows and is drawn at random, lest two rivals meet again.

An attempt ends in one of these ways:
- committed: what `work` returned is returned;
- `work` raised something that is no database error: rolled back, and raised as it is;
- a database error, which the engine judges (Verdict): AGAIN begins the next attempt while the budget lasts,
  UNAVAILABLE raises LedgerUnavailable at once, FAULT raises the error as it is;
- no connection of the pool was free in time, or there was no memory: LedgerUnavailable.

`work` must be safe to run more than once: when a connection breaks in COMMIT, nobody knows what was written.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ..ports import LedgerUnavailable
from .budget import DEFAULT_BUDGET, Budget, Verdict
from .engines.table import kind_of

T = TypeVar("T")

_log = logging.getLogger(__name__)


def run_writing(engine: Engine, work: Callable[[Connection], T], budget: Budget = DEFAULT_BUDGET) -> T:
    """Run `work` in a transaction that may write; returns what it returned, once that is committed.

    LedgerUnavailable: nothing is promised. When the connection broke in COMMIT, the work may even have been recorded.
    """
    kind = kind_of(engine)
    return _repeat(kind.writing, kind.verdict, engine, work, budget)


def run_reading(engine: Engine, work: Callable[[Connection], T], budget: Budget = DEFAULT_BUDGET) -> T:
    """Run `work` in a transaction that waits for no writer, and in which a write fails. LedgerUnavailable."""
    kind = kind_of(engine)
    return _repeat(kind.reading, kind.verdict, engine, work, budget)


def _repeat(
    transaction: Callable[[Engine, Budget, float], AbstractContextManager[Connection]],
    verdict_on: Callable[[DBAPIError], Verdict],
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
        except MemoryError as error:  # SQLite's too: its driver makes no database error of it
            raise LedgerUnavailable("out of memory") from error
        except DBAPIError as error:
            verdict = verdict_on(error)
            if verdict is Verdict.FAULT:
                raise
            pause = _pause(attempt)
            if verdict is Verdict.UNAVAILABLE or time.monotonic() + pause >= end:
                raise LedgerUnavailable(_reason(error)) from error
            _log.info("attempt %d of a transaction failed: %s", attempt, _reason(error))
        time.sleep(pause)


def _pause(attempt: int) -> float:
    """Seconds, at random: from 0 to 5 ms after the first attempt. The upper end doubles each time, to 0.5 s at most."""
    return random.uniform(0, min(0.5, 0.0025 * 2 ** min(attempt, 10)))


def _reason(error: DBAPIError) -> str:
    return " ".join(str(error.orig).split())
