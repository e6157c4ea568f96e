"""The rows of the outage table: a class of requests under a fault, its figures, and the goals they must meet."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .arrivals import Arrival


@dataclass(frozen=True)
class Row:
    """Requests of a class under a fault. `goals` are in words, `missed` those that were not met."""

    fault: str
    requests: str
    count: int
    p50: float
    p99: float
    longest: float
    codes: dict[str, int]
    goals: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def expect(self, goal: str, *, met: bool) -> Row:
        """Hold it against a goal; returns the row."""
        self.goals.append(goal)
        if not met:
            self.missed.append(goal)
        return self

    def expect_p99(self, milliseconds: float) -> Row:
        return self.expect(f"p99 ≤ {milliseconds:g} ms", met=self.p99 <= milliseconds)

    def expect_codes(self, *codes: str) -> Row:
        return self.expect(f"only {', '.join(codes)}", met=self.count > 0 and self.codes.keys() <= set(codes))


def row_of(fault: str, requests: str, arrivals: Iterable[Arrival]) -> Row:
    """Times in ms."""
    arrivals = list(arrivals)
    times = sorted(arrival.seconds * 1000 for arrival in arrivals)
    codes = Counter(code_of(arrival) for arrival in arrivals)
    return Row(
        fault,
        requests,
        len(times),
        round(percentile(times, 0.5), 1),
        round(percentile(times, 0.99), 1),
        round(max(times, default=0.0), 1),
        dict(sorted(codes.items())),
    )


def code_of(arrival: Arrival) -> str:
    """The code of an ApiResult, else the HTTP status; `lost` where there was no answer."""
    return str(arrival.code or arrival.status or "lost")


def percentile(times: Sequence[float], share: float) -> float:
    """Of sorted times the smallest one that this share does not exceed; 0 where there is none."""
    return times[max(0, math.ceil(len(times) * share) - 1)] if times else 0.0


def print_rows(rows: Sequence[Row]) -> None:
    """As a Markdown table, which the docs quote."""
    print("| fault | requests | number | p50 ms | p99 ms | longest ms | codes | goal |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        codes = ", ".join(f"{count} × {code}" for code, count in row.codes.items())
        goals = "; ".join(f"{goal}{' **MISSED**' if goal in row.missed else ''}" for goal in row.goals)
        figures = f"{row.count} | {row.p50:g} | {row.p99:g} | {row.longest:g}"
        print(f"| {row.fault} | {row.requests} | {figures} | {codes} | {goals} |")
