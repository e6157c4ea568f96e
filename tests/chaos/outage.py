"""`make outage`: the database goes away, or a lock is not given back, while 50 requests a second come.

Half of the requests need the ledger. Those that do not must not notice. The others must soon be told to try again, and
be served as soon as that is possible. On PostgreSQL, and on SQLite for its file lock; one gunicorn with two workers.
After each fault what was refused is asked again: the ledger must hold one refund for each order, under the number that
the client was told. Exit status 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from tests.replication import Node, nodes

from . import faults
from .arrivals import Arrival
from .outage_scene import AFTER, BEFORE, FINDING_OUT, RATE, Scene, asking_for, scene_on
from .outage_table import Row, print_rows, row_of
from .report import print_violations, progress
from .saving import add_save_option, saved_run
from .stage import stage, stage_on

_CROWD, _CROWDS = 50, 10
_LOCKED_RATE = 3  # requests a second for the order that is locked
_DOWN = 1.7  # seconds from stop to start; with both, two seconds without a server


def away(scene: Scene, name: str, fault: AbstractContextManager[None], seconds: float) -> list[Row]:
    """The database does not answer at all."""
    seen = scene.under(name, fault, seconds)
    early = seen.row(f"need it, first {FINDING_OUT:g} s", seen.during("ledger", until=FINDING_OUT))
    late = seen.row("need it, later", seen.during("ledger", since=FINDING_OUT)).expect_p99(500).expect_codes("3001")
    return [seen.without_database(), early, late, seen.served_again()]


def restarts(scene: Scene, node: Node, number: int) -> list[Row]:
    """The server is restarted again and again, and nobody notices more than a wait."""
    whole = BEFORE + number * (_DOWN + 1 + AFTER)
    coming = scene.arrivals.come(scene.load(whole), RATE, whole)
    time.sleep(BEFORE)
    longest = 0.0
    for done in range(1, number + 1):
        progress(f"restarts: {done} of {number}")
        began = time.monotonic()
        with faults.stopped(node):
            time.sleep(max(0.0, began + _DOWN - time.monotonic()))
        longest = max(longest, time.monotonic() - began)
        time.sleep(AFTER)
    arrivals = coming.result()
    name = f"{number} restarts of ≤ {longest:.1f} s"
    without = [arrival for arrival in arrivals if arrival.sent.kind == "none"]
    needing = [arrival for arrival in arrivals if arrival.sent.kind == "ledger"]
    return [
        row_of(name, "need no database", without).expect_codes("1001", "404"),
        row_of(name, "need it", needing).expect_codes("1"),
    ]


def one_order(scene: Scene, node: Node, seconds: float) -> list[Row]:
    """One order is locked, and asked for three times a second beside the load."""
    (locked,) = scene.book(1)
    fault = faults.order_locked(node.url, locked.order_number)
    seen = scene.under("one order locked", fault, seconds, asking_for(locked, "locked"), _LOCKED_RATE)
    others = seen.row("need other orders", seen.during("ledger"))
    return [
        seen.without_database(),
        others.expect("≥ 90 % code 1", met=others.codes.get("1", 0) >= 0.9 * others.count),
        seen.row("need that order", seen.during("locked")),
        seen.refused(),
    ]


def one_lock(scene: Scene, name: str, fault: AbstractContextManager[None], seconds: float) -> list[Row]:
    """Everyone who needs the ledger waits for the same lock."""
    seen = scene.under(name, fault, seconds)
    return [
        seen.without_database(),
        seen.row("need it", seen.during("ledger")),
        seen.refused(),
        seen.served_again(),
    ]


def nothing(scene: Scene, seconds: float) -> list[Row]:
    """The same load and no fault: what the machine makes of it."""
    seen = scene.under("none", nullcontext(), seconds)
    return [
        seen.row("need no database", seen.during("none")).expect_codes("1001", "404"),
        seen.row("need it", seen.during("ledger")).expect_codes("1"),
    ]


def crowds(scene: Scene) -> list[Row]:
    """Honest duplicates on a healthy database: fifty identical requests at once."""
    progress("identical requests at once")
    arrivals: list[Arrival] = []
    for order in scene.book(_CROWDS):
        arrivals += scene.arrivals.at_once([asking_for(order)] * _CROWD)
    numbers = {arrival.data for arrival in arrivals}
    row = row_of("none", f"{_CROWDS} times {_CROWD} identical", arrivals).expect_codes("1")
    return [row.expect("one number each", met=len(numbers) == _CROWDS)]


@contextmanager
def on_postgres(directory: Path, *, behind_door: bool = False) -> Iterator[tuple[Scene, Node, faults.Door]]:
    """A server of its own, and a service on it; with a door, the service reaches it through that alone."""
    with nodes("database") as (node,):
        node.create()
        node.start()
        # Not in the directory: the name of a socket must be short.
        with tempfile.TemporaryDirectory(prefix="door") as sockets, faults.door_to(node, Path(sockets)) as door:
            url = door.url if behind_door else node.url
            with stage_on(url, directory) as the_stage, scene_on(the_stage, directory) as scene:
                yield scene, node, door


def stopped(directory: Path, seconds: float) -> tuple[list[Row], list[str]]:
    with on_postgres(directory) as (scene, node, _):
        return settled(scene, away(scene, "stopped", faults.stopped(node), seconds))


def frozen(directory: Path, seconds: float) -> tuple[list[Row], list[str]]:
    with on_postgres(directory) as (scene, node, _):
        return settled(scene, away(scene, "frozen", faults.frozen(node), seconds))


def silent(directory: Path, seconds: float) -> tuple[list[Row], list[str]]:
    with on_postgres(directory, behind_door=True) as (scene, _, door):
        return settled(scene, away(scene, "silent", door.silent(), seconds))


def restarted(directory: Path, seconds: float) -> tuple[list[Row], list[str]]:
    with on_postgres(directory) as (scene, node, _):
        return settled(scene, restarts(scene, node, max(1, round(seconds / (_DOWN + AFTER)))))


def order(directory: Path, seconds: float) -> tuple[list[Row], list[str]]:
    with on_postgres(directory) as (scene, node, _):
        return settled(scene, one_order(scene, node, min(30.0, seconds)))


def table(directory: Path, seconds: float) -> tuple[list[Row], list[str]]:
    with on_postgres(directory) as (scene, node, _):
        return settled(scene, one_lock(scene, "table locked", faults.table_locked(node.url), min(10.0, seconds)))


def healthy(directory: Path, seconds: float) -> tuple[list[Row], list[str]]:
    with on_postgres(directory) as (scene, _, _):
        return settled(scene, nothing(scene, min(30.0, seconds)))


def crowd(directory: Path, seconds: float) -> tuple[list[Row], list[str]]:
    with on_postgres(directory) as (scene, _, _):
        return settled(scene, crowds(scene))


def sqlite(directory: Path, seconds: float) -> tuple[list[Row], list[str]]:
    with stage("sqlite", directory) as the_stage, scene_on(the_stage, directory) as scene:
        fault = faults.file_lock_held(the_stage.env["REFUND_API_DATABASE_URL"])
        return settled(scene, one_lock(scene, "SQLite, file lock held", fault, min(20.0, seconds)))


def settled(scene: Scene, rows: list[Row]) -> tuple[list[Row], list[str]]:
    """The rows, and what the ledger holds against the answers."""
    return rows, scene.settle()


FAULTS: dict[str, Callable[[Path, float], tuple[list[Row], list[str]]]] = {
    "healthy": healthy,
    "stopped": stopped,
    "frozen": frozen,
    "silent": silent,
    "restarts": restarted,
    "order": order,
    "table": table,
    "crowd": crowd,
    "sqlite": sqlite,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.outage", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=60, help="how long a fault lasts, more than 8 (locks: shorter)"
    )
    parser.add_argument("--only", choices=FAULTS, nargs="+", default=list(FAULTS), help="these faults alone")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_save_option(parser)
    options = parser.parse_args()
    if options.seconds <= FINDING_OUT:
        parser.error(f"the first {FINDING_OUT:g} s are for finding out")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped then, too
    rows: list[Row] = []
    wrong: dict[str, list[str]] = {}
    with saved_run("outage", options.save) as saved:
        for name in options.only:
            (directory := saved.directory / name).mkdir()
            found, wrong[name] = FAULTS[name](directory, options.seconds)
            progress("")
            rows += found
        saved.is_wrong = any(wrong.values()) or any(row.missed for row in rows)
    if options.json:
        print(json.dumps({"rows": [row.as_json() for row in rows], "wrong": wrong}))
    else:
        print_rows(rows)
        print(f"load average {', '.join(f'{load:.1f}' for load in os.getloadavg())}", file=sys.stderr)
    print_violations("the ledger", wrong)
    return 1 if saved.is_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
