"""Time contenders side by side: short rounds in turn, so that noise of the machine meets all of them alike.

What counts is the processor time of the thread. No contender waits for anything, so on a quiet machine that is the time
a call takes; on a busy one it leaves out the time that other processes had the processor.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

ROUNDS = 25
ROUND_SECONDS = 0.02


@dataclass(frozen=True)
class Goal:
    """`measured <= limit`; the text names the unit, if it is no ratio."""

    text: str
    measured: float
    limit: float

    @property
    def passed(self) -> bool:
        return self.measured <= self.limit


def medians(contenders: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Median microseconds of processor time a call, by contender."""
    counts = {name: _calls_per_round(call) for name, call in contenders.items()}
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    gc.disable()
    try:
        for number in range(ROUNDS):
            _progress(number + 1)
            for name, call in contenders.items():
                samples[name].append(_time(call, counts[name]))
            gc.collect()
    finally:
        gc.enable()
        _progress(0)
    return {name: statistics.median(values) for name, values in samples.items()}


def _calls_per_round(call: Callable[[], object]) -> int:
    _time(call, 50)
    return max(10, int(ROUND_SECONDS * 1e6 / max(_time(call, 50), 0.05)))


def _time(call: Callable[[], object], count: int) -> float:
    start = time.thread_time_ns()
    for _ in range(count):
        call()
    return (time.thread_time_ns() - start) / count / 1000


def _progress(round_: int) -> None:
    if sys.stderr.isatty():
        text = f"\r  round {round_}/{ROUNDS} " if round_ else "\r" + " " * 20 + "\r"
        print(text, end="", file=sys.stderr, flush=True)
