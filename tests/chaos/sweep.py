"""`make chaos-failpoints`: the worker dies once at every point of every kind of request, on both engines.

The points are those of a dry run. After each death the same bytes must get the answer they would have had, the
refund's number stays what it is, and a stolen signature records nothing. Exit status 1 when not, when a point was
not hit, or when the ledger has a statement that is no point.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from sqlalchemy import Engine, select

from refund_api.storage.tables import metadata
from tests.servers import gunicorn

from .check import ALREADY, OK, REJECTED, read_record
from .client import Answer, Client, Request, make_request
from .kill import PRELOAD, judge
from .report import Figures, print_figures, print_violations, progress
from .stage import ENGINES, Booking, Stage, stage
from .statements import never_seen


class Signed(Enum):
    """Whose signature a request carries."""

    ANEW = "its own"
    AGAIN = "that of the request before, whose bytes it repeats"
    STOLEN = "that of the request before, which asked for something else"


@dataclass(frozen=True)
class Kind:
    """A kind of request: the passengers cancelled beforehand and then, by their places; the code it must get.

    `writes` are the tables that its COMMIT changes.
    """

    name: str
    before: tuple[int, ...]
    passengers: tuple[int, ...]
    code: int
    writes: frozenset[str]
    signed: Signed = Signed.ANEW
    other_order: bool = False


_NOTHING: frozenset[str] = frozenset()
_NONCE = frozenset({"request_nonce"})
_REFUND = _NONCE | {"refund", "refund_item", "refund_outbox"}
KINDS = (
    Kind("a cancellation", (), (0,), OK, _REFUND),
    Kind("the last passengers", (0,), (1, 2), OK, _REFUND | {"orders"}),
    Kind("a repeat, signed anew", (0, 1), (1, 0), OK, _NONCE),
    Kind("a refusal", (0,), (0, 1), ALREADY, _NONCE),
    Kind("the same bytes again", (0, 1), (0, 1), OK, _NOTHING, Signed.AGAIN),
    Kind("a stolen signature, other passengers", (0,), (1,), REJECTED, _NOTHING, Signed.STOLEN),
    Kind("a stolen signature, another order", (0,), (0,), REJECTED, _NOTHING, Signed.STOLEN, other_order=True),
)
_PASSENGERS = 3
Contents = dict[str, frozenset[tuple[object, ...]]]


@dataclass(frozen=True)
class Trial:
    """A request to send now; `then` one that must get `known`, or the same answer where that is None."""

    request: Request
    then: Request
    known: Answer | None


class Sweep:
    """One engine: a client, a server with one worker, and the file of the points it passes."""

    def __init__(self, the_stage: Stage, client: Client, points: Path) -> None:
        self._stage = the_stage
        self._client = client
        self._points = points
        self.names: list[str] = []
        self.hit = 0
        self.problems: list[str] = []

    def sweep(self, kind: Kind, say: Callable[[str], None]) -> None:
        """Every point of this kind of request, each with a new order."""
        names = self._die_at(kind, 0, [])
        for number, name in enumerate(names, 1):
            say(f"{kind.name}: {number} of {len(names)}, {name}")
            self._die_at(kind, number, names)
        self.names += names

    def _die_at(self, kind: Kind, number: int, names: list[str]) -> list[str]:
        """The points passed; at point 0 nobody dies."""
        title = f"{kind.name}, {names[number - 1] if number else 'dry run'}"
        trial = self._prepare(kind, title)
        held = contents(self._stage.engine)
        self._points.write_text("")
        answer = self._client.ask(trial.request, {"X-Failpoint": str(number)})
        passed = self._points.read_text().splitlines()
        if number and (answer is not None or passed != names[:number]):
            self.problems.append(f"{title}: not hit; passed {passed}, answer {answer}")
        else:
            self.hit += bool(number)
            self._expect_written(held, kind.writes if "after COMMIT" in passed else _NOTHING, title)
        if not number:
            self._expect_code(answer, kind.code, title)
        self._ask_again(kind, trial, title)
        if kind.signed is Signed.STOLEN:
            self._expect_written(held, _NOTHING, f"{title}, asked again")
        return passed

    def _prepare(self, kind: Kind, title: str) -> Trial:
        """A new order, with what is cancelled beforehand."""
        order, other = self._stage.book(2, _PASSENGERS)
        target = other if kind.other_order else order
        anew = _cancel(target, kind.passengers)
        if not kind.before:
            return Trial(_cancel(target, kind.passengers), anew, None)
        before = _cancel(order, kind.before)
        known = self._client.ask(before)
        self._expect_code(known, OK, f"{title}, made ready")
        if kind.signed is Signed.STOLEN:
            return Trial(_cancel(target, kind.passengers, like=before), before, known)
        request = before if kind.signed is Signed.AGAIN else _cancel(target, kind.passengers)
        return Trial(request, anew, known if set(kind.before) == set(kind.passengers) else None)

    def _ask_again(self, kind: Kind, trial: Trial, title: str) -> None:
        """The same bytes twice, then who asks for the same anew, or for his own that was stolen from."""
        first = self._client.ask(trial.request)
        self._expect_code(first, kind.code, title)
        for again, expected in ((trial.request, first), (trial.then, trial.known or first)):
            answer = self._client.ask(again)
            if answer != expected:
                self.problems.append(f"{title}: a repeat got {answer}, not {expected}")

    def _expect_code(self, answer: Answer | None, code: int, title: str) -> None:
        if answer is None or answer.code != code:
            self.problems.append(f"{title}: {answer}, not code {code}")

    def _expect_written(self, held: Contents, tables: frozenset[str], title: str) -> None:
        """All that a COMMIT writes, or nothing."""
        now = contents(self._stage.engine)
        changed = {name for name, rows in now.items() if rows != held[name]}
        if changed != tables:
            self.problems.append(f"{title}: changed {sorted(changed)}, not {sorted(tables)}")


def contents(engine: Engine) -> Contents:
    """Table -> its rows."""
    with engine.connect() as connection:
        return {
            name: frozenset(tuple(row) for row in connection.execute(select(table)))
            for name, table in metadata.tables.items()
        }


def _cancel(order: Booking, places: tuple[int, ...], like: Request | None = None) -> Request:
    return make_request(order.order_number, [order.passengers[place] for place in places], like=like)


def run(engine: str, directory: Path) -> tuple[Figures, dict[str, list[str]]]:
    """The figures of one engine and the violations by kind."""
    file = directory / "points"
    with stage(engine, directory) as the_stage:
        env = {**the_stage.env, **PRELOAD, "CHAOS_POINTS": str(file)}
        with (
            gunicorn("tests.chaos.failpoints:app", directory / "gunicorn.log", env) as server,
            Client(server, the_stage.records / "client.jsonl") as client,
        ):
            swept = Sweep(the_stage, client, file)
            for kind in KINDS:
                swept.sweep(kind, lambda text: progress(f"{engine}: {text}"))
            progress("")
        figures, found = judge(the_stage, read_record(the_stage.records))
        found["never seen"] = never_seen(the_stage.engine.dialect.name, swept.names)
    found["wrong after a death"] = swept.problems
    points = len(swept.names)
    if swept.hit != points or not points:
        found["not hit"] = [f"{swept.hit} of {points} points"]
    wrong = {kind: len(found[kind]) for kind in ("wrong after a death", "never seen")}
    return {"points": points, "hit": swept.hit, **figures, **wrong}, found


def main() -> int:
    arguments = argparse.ArgumentParser(prog="make chaos-failpoints", description=__doc__)
    arguments.add_argument("--engine", choices=(*ENGINES, "all"), default="all")
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))  # so that the servers are stopped too
    engines = ENGINES if options.engine == "all" else (options.engine,)
    columns, bad = {}, False
    for engine in engines:
        with tempfile.TemporaryDirectory(prefix=f"chaos-{engine}-") as directory:
            columns[engine], found = run(engine, Path(directory))
        print_violations(engine, found)
        bad = bad or any(found.values())
    print_figures(columns, as_json=options.json)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
