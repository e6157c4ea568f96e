"""What a worker knows of its ledger: whether transactions get on, and whether the database answers.

A transaction that does not end looks the same while the database restarts, is frozen, or has a lock that is not given
back. Three times tell these apart: when a transaction last got on, which is when it ended with anything but
LedgerUnavailable; when a question to the database, which waits for no row lock, was last answered; and since when all
questions are answered.

The states that follow from them:
- flowing: a transaction got on within the last second, or the first one began within it;
- in doubt: none has for a second, so the database is asked;
- blocked: in doubt, but the database has answered for a second: what is in the ledger waits for locks. Its first answer
  is not enough, because after a restart those in the ledger may be about to try again, in half a second at most;
- away: no sign of life for three seconds, and the last question got no answer. The next sign of life ends it.

Three seconds, because no client may notice a restart of two.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from enum import Enum, auto

DOUBT_AFTER = 1.0  # seconds
AWAY_AFTER = 3.0  # seconds

Clock = Callable[[], float]
"""Gives seconds that never go back."""


class State(Enum):
    """What is known of the ledger."""

    FLOWING = auto()
    IN_DOUBT = auto()
    BLOCKED = auto()
    AWAY = auto()


class Liveness:
    """The three times, and the state that follows from them. The caller has a lock around it."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._got_on_at = clock()
        self._answered_at = -math.inf
        self._answers_since = math.inf
        self._is_away = False

    @property
    def state(self) -> State:
        if self._is_away:
            return State.AWAY
        if self._clock() - self._got_on_at < DOUBT_AFTER:
            return State.FLOWING
        return State.BLOCKED if self._answered_at - self._answers_since >= DOUBT_AFTER else State.IN_DOUBT

    def begin(self) -> None:
        """A transaction begins and is alone: nothing could get on before, so doubt counts from now."""
        self._got_on_at = self._clock()
        self._answers_since = math.inf

    def get_on(self) -> None:
        """A transaction got on."""
        self.begin()
        self._is_away = False

    def hear(self, *, answered: bool) -> None:
        """The database answered a question, or did not in time."""
        now = self._clock()
        if answered:
            self._answered_at = now
            if self.state is not State.FLOWING:
                self._answers_since = min(self._answers_since, now)
            self._is_away = False
        else:
            self._answers_since = math.inf
            self._is_away = now - max(self._got_on_at, self._answered_at) >= AWAY_AFTER
