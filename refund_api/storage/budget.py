"""How long a transaction may take, and what a database error means for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Budget:
    """Seconds that a transaction may take: for one lock, for one statement, and for all attempts with COMMIT."""

    lock: float = 3.0
    statement: float = 5.0
    whole: float = 8.0

    def after(self, seconds: float) -> Budget:
        """What is left of it when some seconds were spent before the transaction."""
        return Budget(self.lock, self.statement, max(0.0, self.whole - seconds))


DEFAULT_BUDGET = Budget()
"""The budget of a client's request."""


class Verdict(Enum):
    """What to do after a database error."""

    AGAIN = "the transaction may succeed when it is run again"
    UNAVAILABLE = "the database cannot serve now"
    FAULT = "the program is wrong"
