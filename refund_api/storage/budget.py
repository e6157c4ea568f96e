"""How long a transaction may take, and what a database error means for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Budget:
    """Seconds: for a lock, for a statement, and for the whole, with every repetition and the COMMIT."""

    lock: float = 3.0
    statement: float = 5.0
    whole: float = 8.0


DEFAULT_BUDGET = Budget()
"""A request of a client has this."""


class Verdict(Enum):
    """What to do after a database error."""

    AGAIN = "the transaction may succeed when it is run again"
    UNAVAILABLE = "the database cannot serve now"
    FAULT = "the program is wrong"
