"""`make chaos-failpoints`: the worker dies once at every point of every kind of request, on both engines.

The points are those of a dry run. After each death the same bytes must get the answer they would have had,
and the refund's number stays what it is. Exit status 1 when not, or when a point was not hit.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.servers import gunicorn

from .check import read_ledger
from .client import Answer, Client, Request, make_request
from .kill import PRELOAD, judge
from .report import Figures, print_figures, print_violations, progress
from .stage import ENGINES, Booking, Stage, stage


@dataclass(frozen=True)
class Kind:
    """A kind of request: the passengers cancelled beforehand and then, by their places; the code it must get."""

    name: str
    before: tuple[int, ...]
    passengers: tuple[int, ...]
    code: int


KINDS = (
    Kind("a cancellation", (), (0,), 1),
    Kind("the last passengers", (0,), (1, 2), 1),
    Kind("a repeat, signed anew", (0, 1), (1, 0), 1),
    Kind("a refusal", (0,), (0, 1), 2004),
)
_PASSENGERS = 3


class Sweep:
    """One engine: a client, a server with one worker, and the file of the points it passes."""

    def __init__(self, the_stage: Stage, client: Client, points: Path) -> None:
        self._stage = the_stage
        self._client = client
        self._points = points
        self.points = self.hit = 0
        self.problems: list[str] = []

    def sweep(self, kind: Kind, say: Callable[[str], None]) -> None:
        """Every point of this kind of request, each with a new order."""
        names = self._die_at(kind, 0, [])
        for number, name in enumerate(names, 1):
            say(f"{kind.name}: {number} of {len(names)}, {name}")
            self._die_at(kind, number, names)
        self.points += len(names)

    def _die_at(self, kind: Kind, number: int, names: list[str]) -> list[str]:
        """The points passed; at point 0 nobody dies."""
        (order,) = self._stage.book(1, _PASSENGERS)
        if kind.before:
            self._expect(self._client.ask(_cancel(order, kind.before)), 1, f"{kind.name}, made ready")
        request = _cancel(order, kind.passengers)
        self._points.write_text("")
        answer = self._client.ask(request, {"X-Failpoint": str(number)})
        passed = self._points.read_text().splitlines()
        title = f"{kind.name}, {names[number - 1] if number else 'dry run'}"
        if number and (answer is not None or passed != names[:number]):
            self.problems.append(f"{title}: not hit; passed {passed}, answer {answer}")
        elif number:
            self.hit += 1
            self._expect_all_or_nothing(kind, order, request, "after COMMIT" in passed, title)
        else:
            self._expect(answer, kind.code, title)
        self._ask_again(kind, order, request, title)
        return passed

    def _expect_all_or_nothing(self, kind: Kind, order: Booking, request: Request, committed: bool, title: str) -> None:
        """What the worker left behind: the refund once its COMMIT was through, nothing before."""
        repeated = set(kind.before) == set(kind.passengers)
        wanted = repeated or (kind.code == 1 and committed)
        found = (order.order_number, request.passengers) in read_ledger(self._stage.engine).refunds.values()
        if found != wanted:
            self.problems.append(f"{title}: the refund is {'' if found else 'not '}there")

    def _ask_again(self, kind: Kind, order: Booking, request: Request, title: str) -> None:
        """The same bytes twice and once signed anew: the same answer, with the same number."""
        first = self._client.ask(request)
        self._expect(first, kind.code, title)
        for again in (request, _cancel(order, kind.passengers)):
            answer = self._client.ask(again)
            if answer != first:
                self.problems.append(f"{title}: a repeat got {answer}, not {first}")

    def _expect(self, answer: Answer | None, code: int, title: str) -> None:
        if answer is None or answer.code != code:
            self.problems.append(f"{title}: {answer}, not code {code}")


def _cancel(order: Booking, places: tuple[int, ...]) -> Request:
    return make_request(order.order_number, [order.passengers[place] for place in places])


def run(engine: str, directory: Path) -> tuple[Figures, dict[str, list[str]]]:
    """The figures of one engine and the violations by kind."""
    points = directory / "points"
    with stage(engine, directory) as the_stage:
        env = {**the_stage.env, **PRELOAD, "CHAOS_POINTS": str(points)}
        with (
            gunicorn("tests.chaos.failpoints:app", directory / "gunicorn.log", env) as server,
            Client(server, the_stage.records / "client.jsonl") as client,
        ):
            swept = Sweep(the_stage, client, points)
            for kind in KINDS:
                swept.sweep(kind, lambda text: progress(f"{engine}: {text}"))
            progress("")
        figures, found = judge(the_stage)
    found["wrong after a death"] = swept.problems
    if swept.hit != swept.points or not swept.points:
        found["not hit"] = [f"{swept.hit} of {swept.points} points"]
    wrong = {"wrong after a death": len(swept.problems)}
    return {"points": swept.points, "hit": swept.hit, **figures, **wrong}, found


def main() -> int:
    arguments = argparse.ArgumentParser(prog="make chaos-failpoints", description=__doc__)
    arguments.add_argument("--engine", choices=(*ENGINES, "all"), default="all")
    arguments.add_argument("--json", action="store_true")
    wanted = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))  # so that the servers are stopped too
    engines = ENGINES if wanted.engine == "all" else (wanted.engine,)
    columns, bad = {}, False
    for engine in engines:
        with tempfile.TemporaryDirectory(prefix=f"chaos-{engine}-") as directory:
            columns[engine], found = run(engine, Path(directory))
        print_violations(engine, found)
        bad = bad or any(found.values())
    print_figures(columns, as_json=wanted.json)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
