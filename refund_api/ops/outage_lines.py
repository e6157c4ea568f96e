"""Thins out the lines of an outage: of those that say that the ledger is away, at most one a second is written.

The first is written at once. Those of the next second are held back; at its end the last of them is written, and says
how many others were left out. So the lines and what they left out add up to the answers, also when the outage is over.
"""

from __future__ import annotations

from typing import Final

from .line import Line

AWAY: Final = "ledger_away"
PAUSE: Final = 1.0
"""Seconds from one such line to the next."""


class OutageLines:
    """For one thread. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._held: Line | None = None
        self._left_out = 0
        self._next_at = float("-inf")

    @property
    def holds(self) -> bool:
        """Whether a line waits for its second to end."""
        return self._held is not None

    def admit(self, line: Line, now: float) -> bool:
        """Whether the line is to be written now; else it is held back."""
        if line["event"] != AWAY:
            return True
        if self._held is None and now >= self._next_at:
            self._next_at = now + PAUSE
            return True
        self._left_out += self._held is not None
        self._held = line
        return False

    def due(self, now: float) -> list[Line]:
        """The line that was held back, once its second is over; else none."""
        if self._held is None or now < self._next_at:
            return []
        line = self._held | ({"left_out": self._left_out} if self._left_out else {})
        self._held, self._left_out, self._next_at = None, 0, now + PAUSE
        return [line]
