"""Contenders side by side: short rounds in turn, so that noise of the machine meets all of them alike; and goals.

For calls, what counts is the processor time of the thread. No contender waits for anything, so on a quiet machine that
is the time a call takes; on a busy one it leaves out the time that other processes had the processor.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from tests.chaos.report import progress

ROUNDS = 25
ROUND_SECONDS = 0.02


@dataclass(frozen=True)
class Goal:
    """`measured <= limit`, or with `at_least` `measured >= limit`; the text names the unit, if it is no ratio."""

    text: str
    measured: float
    limit: float
    at_least: bool = False

    @property
    def passed(self) -> bool:
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        verdict = "pass" if self.passed else "MISS"
        return f"{verdict}  {self.text}: {self.measured:.2f} (goal {sign} {self.limit:g})"


def turns(contenders: Iterable[str], rounds: int) -> Iterator[str]:
    """Each contender once a round. Each round begins with the next one, so that nobody always follows the same."""
    names = list(contenders)
    for round_ in range(rounds):
        progress(f"round {round_ + 1} of {rounds}")
        first = round_ % len(names)
        yield from names[first:] + names[:first]
    progress("")


def medians(contenders: Mapping[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """Median microseconds of processor time a call, by contender."""
    counts = {name: _calls_per_round(call) for name, call in contenders.items()}
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    gc.disable()
    gc.freeze()  # what the imports have made is no garbage: a collection need not look at it
    try:
        for name in turns(contenders, rounds):
            gc.collect()  # the garbage of the contender before would slow this one down
            samples[name].append(_time(contenders[name], counts[name]))
    finally:
        gc.unfreeze()
        gc.enable()
    return {name: statistics.median(values) for name, values in samples.items()}


def _calls_per_round(call: Callable[[], object]) -> int:
    _time(call, 50)
    return max(10, int(ROUND_SECONDS * 1e6 / max(_time(call, 50), 0.05)))


def _time(call: Callable[[], object], count: int) -> float:
    start = time.thread_time_ns()
    for _ in range(count):
        call()
    return (time.thread_time_ns() - start) / count / 1000
