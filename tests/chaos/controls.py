"""`make chaos-controls`: with a safeguard taken away, the programs must see the fault. On PostgreSQL.

Each load runs twice: against the service as it is, where nothing may be found, and against one without the
safeguard, where it must be. Exit status 1 otherwise.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from tests.servers import Gunicorn, gunicorn

from .check import read_record
from .client import Crowd, make_request
from .kill import WORKERS, has_served, judge, workers_of
from .report import Figures, print_figures, print_violations, progress
from .stage import Stage, stage

_ORDERS = 60
_SIGNATURES = 40
_CROWD = 8
_RESTART_SECONDS = 20
_DROP_KEYS = (
    "ALTER TABLE refund_item DROP CONSTRAINT pk_refund_item",
    "ALTER TABLE refund DROP CONSTRAINT uq_refund_order_number_set_hash",
)


def overlapping(server: Gunicorn, the_stage: Stage) -> None:
    """Eight clients ask at once for three of an order's passengers each, order after order."""
    with Crowd(server, the_stage.records, _CROWD) as crowd:
        for number, order in enumerate(the_stage.book(_ORDERS), 1):
            progress(f"overlapping requests: {number} of {_ORDERS} orders")
            sets = [random.sample(order.passengers, 3) for _ in range(_CROWD)]
            crowd.ask([make_request(order.order_number, some) for some in sets])
    progress("")


def stolen_at_once(server: Gunicorn, the_stage: Stage) -> None:
    """A signature that was just used asks for eight other orders, whichever worker takes them."""
    with Crowd(server, the_stage.records, _CROWD) as crowd:
        for number in range(1, _SIGNATURES + 1):
            progress(f"stolen signatures: {number} of {_SIGNATURES}")
            mine, *others = the_stage.book(_CROWD + 1)
            used = make_request(mine.order_number, mine.passengers)
            crowd.ask([used])
            crowd.ask([make_request(order.order_number, order.passengers, like=used) for order in others])
    progress("")


def stolen_after_restart(server: Gunicorn, the_stage: Stage) -> None:
    """Signatures that were used ask for other orders when every worker was replaced."""
    orders = the_stage.book(2 * _SIGNATURES)
    mine, others = orders[:_SIGNATURES], orders[_SIGNATURES:]
    with Crowd(server, the_stage.records, 1) as crowd:
        used = [make_request(order.order_number, order.passengers) for order in mine]
        for request in used:
            crowd.ask([request])
        restart(server)
        for request, other in zip(used, others, strict=True):
            crowd.ask([make_request(other.order_number, other.passengers, like=request)])


def restart(server: Gunicorn) -> None:
    """Kill -9 of every worker; ends when none of them is left."""
    old = workers_of(server)
    for worker in old:
        os.kill(worker, signal.SIGKILL)
    end = time.monotonic() + _RESTART_SECONDS
    while any(map(has_served, old)):
        if time.monotonic() > end:
            raise RuntimeError("the workers do not end")
        time.sleep(0.05)


@dataclass(frozen=True)
class Control:
    """A load, the target that must fail under it, the statements that spoil its schema, the violation to be seen."""

    load: Callable[[Gunicorn, Stage], None]
    target: str
    spoil: tuple[str, ...]
    violation: str


_FORGETFUL = "tests.chaos.faulty:forgetful()"
CONTROLS = {
    "no lock and key": Control(overlapping, "tests.chaos.faulty:unlocked()", _DROP_KEYS, "double"),
    "nonces, workers": Control(stolen_at_once, _FORGETFUL, (), "signatures used twice"),
    "nonces, restart": Control(stolen_after_restart, _FORGETFUL, (), "signatures used twice"),
}


def run(control: Control, *, faulty: bool) -> tuple[dict[str, int], dict[str, list[str]]]:
    """The figures and the violations by kind."""
    temporary = tempfile.TemporaryDirectory(prefix="chaos-control-")
    with temporary as directory, stage("postgres", Path(directory, "stage")) as the_stage:
        if faulty:
            with the_stage.engine.begin() as connection:
                for statement in control.spoil:
                    connection.execute(text(statement))
        target = control.target if faulty else "wsgi:app"
        with gunicorn(target, Path(directory, "gunicorn.log"), the_stage.env, WORKERS) as server:
            control.load(server, the_stage)
        return judge(the_stage, read_record(the_stage.records))


def main() -> int:
    arguments = argparse.ArgumentParser(prog="make chaos-controls", description=__doc__)
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))  # so that the servers are stopped too
    as_it_is: Counter[str] = Counter()
    columns: dict[str, Figures] = {"as it is": as_it_is}
    bad = False
    for name, control in CONTROLS.items():
        figures, found = run(control, faulty=False)
        as_it_is.update(figures)
        print_violations(name, found)
        bad = bad or any(found.values())
        columns[name], found = run(control, faulty=True)
        caught = len(found[control.violation])
        bad = bad or not caught
        print(f"{name}: {f'caught, {caught}' if caught else 'NOT CAUGHT, 0'} {control.violation}", file=sys.stderr)
    print_figures(columns, as_json=options.json)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
