"""What the gate asks the database while it is in doubt: to read one row, for which no row lock has to be waited for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sqlalchemy import Engine, select

from ..ports import LedgerUnavailable
from .budget import Budget
from .tables import orders
from .transaction import run_reading

# Two questions are on their way at a time. A short one finds within a second that a silent database is back. A long one
# is for a database that is slow: to it every short question would look unanswered.
_BUDGETS = (Budget(lock=0.3, statement=0.4, whole=0.5), Budget(lock=3, statement=3.5, whole=4))

_ONE_ROW = select(orders.c.order_number).limit(1)

CONNECTIONS = len(_BUDGETS)
"""How many connections the questions need beside those of the requests."""


def questions_to(engine: Engine) -> list[Callable[[], bool]]:
    """Each asks the database of this engine; True: it answered in time."""
    return [partial(_answers, engine, budget) for budget in _BUDGETS]


def _answers(engine: Engine, budget: Budget) -> bool:
    try:
        run_reading(engine, lambda connection: connection.execute(_ONE_ROW).all(), budget)
    except LedgerUnavailable:
        return False
    return True
