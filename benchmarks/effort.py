"""How long a run of the benchmark takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True)
class Effort:
    """`call_rounds` are of 20 ms a contender, `rounds` of `seconds` under load.

    For growth alone: how many orders the ledgers have, and `old`, a checkout of earlier code to compare with.
    """

    call_rounds: int
    rounds: int
    seconds: int
    orders: tuple[int, ...]
    old: Path | None = None


THOROUGH: Final = Effort(25, rounds=4, seconds=2, orders=(1_000, 10_000, 100_000, 1_000_000))
QUICK: Final = Effort(2, rounds=1, seconds=1, orders=(1_000, 4_000))
