"""`make chaos`: kill -9 of workers under load, then the clients' record against the ledger.

Only workers that have served are killed, by their ids as children of the gunicorn started here.
Exit status 1 when anything is lost, refunded twice or told differently.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import time
from pathlib import Path

from tests.servers import Gunicorn, gunicorn

from .check import Record, read_ledger, read_record, unproven
from .check.dump import dump
from .check.judging import Verdict, verdict
from .load import Load, Orders
from .report import print_figures, print_violations, progress
from .saving import add_save_option, saved_run
from .stage import ENGINES, Stage, stage

WORKERS = 2
# A worker that dies every second shall not spend its life importing. No connection crosses the fork: the first
# request opens it.
PRELOAD = {"GUNICORN_CMD_ARGS": "--preload"}
_PAUSE = 0.2  # seconds between kills, on average
_SLOWEST = 5.0  # seconds a kill, on a very busy machine


def workers_of(server: Gunicorn) -> list[int]:
    """The process ids of its workers."""
    master = server.process.pid
    return [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]


def has_served(worker: int) -> bool:
    """gthread makes its threads when requests come; a process that ended has no threads at all."""
    try:
        return len(os.listdir(f"/proc/{worker}/task")) > 1
    except OSError:
        return False


def kill_one(server: Gunicorn, dying: set[int]) -> bool:
    """Kill -9 of a random worker that serves and is not dying already; False when there is none yet."""
    workers = workers_of(server)
    dying.intersection_update(workers)  # process ids come round again: who has gone is forgotten
    serving = [worker for worker in workers if worker not in dying and has_served(worker)]
    if not serving:
        return False
    worker = random.choice(serving)
    os.kill(worker, signal.SIGKILL)
    dying.add(worker)
    return True


def kill_under_load(server: Gunicorn, load: Load, orders: Orders, title: str, kills: int, seconds: float) -> int:
    """How many were killed: `kills`, or as many as the seconds allow."""
    start = time.monotonic()
    killed, dying = 0, set[int]()
    while killed < kills and time.monotonic() - start < seconds and load.running and server.process.poll() is None:
        time.sleep(random.expovariate(1 / _PAUSE))
        killed += kill_one(server, dying)
        orders.refill()
        spent = time.monotonic() - start
        progress(f"{title}: {killed} of {kills} kills, {load.sent} requests, {load.answers} answers, {spent:.0f} s")
    progress("")
    return killed


def run(engine: str, kills: int, seconds: float, directory: Path) -> Verdict:
    """The figures of one engine and the violations by kind."""
    start = time.monotonic()
    with stage(engine, directory) as the_stage:
        orders = Orders(the_stage)
        started = gunicorn("wsgi:app", directory / "gunicorn.log", {**the_stage.env, **PRELOAD}, WORKERS)
        with started as server, Load(server, orders, the_stage.records) as load:
            began = time.monotonic()
            done = kill_under_load(server, load, orders, engine, kills, seconds)
            load_seconds = time.monotonic() - began
            load.stop()
            load.drain()
            cut = load.cut
        record = read_record(the_stage.records)
        figures, found = judge(the_stage, record)
        found["no proof"] = unproven(record)
    first = {"seconds": round(time.monotonic() - start), "kills": done, "requests cut": cut}
    if not cut:
        found["no proof"].append("no worker was killed with a request in its hands")
    if done < min(kills, load_seconds / _SLOWEST):
        found["no proof"].append(f"only {done} kills in {load_seconds:.0f} s")
    return {**first, **figures}, found


def judge(the_stage: Stage, record: Record) -> Verdict:
    """What the clients of the stage recorded, against its ledger, which is saved beside it; and the audit."""
    dump(the_stage.engine, the_stage.records)
    return verdict(record, read_ledger(the_stage.engine), the_stage.audit())


def main() -> int:
    arguments = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    arguments.add_argument("--engine", choices=(*ENGINES, "all"), default="all")
    arguments.add_argument("--kills", type=int, default=1000, help="an engine; default %(default)s")
    arguments.add_argument("--seconds", type=float, default=1800, help="of load, for all engines; default %(default)s")
    arguments.add_argument("--json", action="store_true")
    add_save_option(arguments)
    options = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))  # so that the servers are stopped too
    engines = ENGINES if options.engine == "all" else (options.engine,)
    columns = {}
    with saved_run("chaos", options.save) as saved:
        for engine in engines:
            seconds = options.seconds / len(engines)
            columns[engine], found = run(engine, options.kills, seconds, saved.directory / engine)
            print_violations(engine, found)
            saved.is_wrong |= any(found.values())
    print_figures(columns, as_json=options.json)
    return 1 if saved.is_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
