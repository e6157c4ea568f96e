"""`make soak`: mixed traffic through the shipped nginx site for ten minutes, a fault every 30 seconds; nothing may add up.

Two nodes of two workers, log and metrics as shipped, on a PostgreSQL of the program's own. About 50 requests a second:
the load of tests/chaos (all formats, repeats, overlaps, stolen signatures, answers that are never read) and asides.py.
blows.py has the faults. Exit status 1 when a request failed, anything was lost, refunded twice or told differently, an
answer has no line in the log, the tables are not as large as their rows make them, or when memory, files or threads of
a node grew from the second round of faults to the last. A run of fewer than three rounds says nothing of growth.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from tests.chaos.check import read_record, unproven
from tests.chaos.kill import judge
from tests.chaos.load import CLIENTS, Load, Orders
from tests.chaos.report import print_figures, print_violations, progress
from tests.chaos.saving import add_save_option, saved_run
from tests.chaos.stage import Stage, stage_on
from tests.nginx.restarts import Node, running
from tests.nginx.site import Site, running_site
from tests.replication import Node as Database
from tests.replication import nodes as databases

from . import growth, rows
from .asides import Asides
from .blows import Blows
from .log_lines import Logged, compare

_LOAD = 40  # requests a second, beside the asides
_ANSWER = 0.05  # seconds of an answer, about
_ROUNDS = 4  # a shorter run has its faults closer together, lest it see no growth
_EVERY = 30.0  # seconds from one fault to the next, at most

Figures = dict[str, int | float]
Found = dict[str, list[str]]


@dataclass
class Soak:
    """All that runs."""

    stage: Stage
    orders: Orders
    site: Site
    blows: Blows
    directory: Path
    readings: dict[str, list[growth.Reading]] = field(default_factory=lambda: {"struck": [], "steady": []})

    def node_logs(self) -> Iterator[str]:
        for path in sorted(self.directory.glob("node-*.log")):
            yield from path.read_text(errors="replace").splitlines()


@contextmanager
def soaking(directory: Path) -> Iterator[Soak]:
    """Database, nodes and site, from nothing."""
    with ExitStack() as exits:
        (database,) = exits.enter_context(databases("database"))
        the_stage = exits.enter_context(_stage(database, directory))
        struck, steady = (Node(the_stage, directory / f"node-{name}.log") for name in ("struck", "steady"))
        exits.enter_context(running([struck, steady]))
        site = exits.enter_context(running_site(directory / "site", [struck.address, steady.address]))
        yield Soak(the_stage, Orders(the_stage), site, Blows(the_stage, struck, steady, database), directory)


@contextmanager
def _stage(database: Database, directory: Path) -> Iterator[Stage]:
    database.create()
    database.start()
    (records := directory / "records").mkdir(parents=True)
    with stage_on(database.url, records) as the_stage:
        the_stage.env.update(REFUND_API_LOG_LEVEL="info", REFUND_API_TRUSTED_PROXIES="1")
        yield the_stage


def strike(soak: Soak, load: Load, asides: Asides, seconds: float) -> dict[str, int]:
    """Fault -> how often it came: as often as the seconds allow, and each once."""
    every = min(_EVERY, seconds / (_ROUNDS * len(soak.blows.kinds)))
    came = dict.fromkeys(soak.blows.kinds, 0)
    began = time.monotonic()
    for number, name in enumerate(cycle(came)):
        due = min((number + 1) * every, seconds)
        while (spent := time.monotonic() - began) < due and load.running:
            progress(f"{spent:.0f} of {seconds:.0f} s, next: {name}; {load.answers + asides.answers.total()} answers")
            time.sleep(min(1.0, due - spent))
        if (spent >= seconds and number >= len(came)) or not load.running:
            break
        soak.readings["struck"].append(growth.read(soak.blows.struck))
        soak.readings["steady"].append(growth.read(soak.blows.steady))
        soak.blows.kinds[name]()
        came[name] += 1
        soak.orders.refill()
    progress("")
    return came


def run(seconds: float, directory: Path) -> tuple[Figures, Found]:
    """The figures, and what is wrong by kind."""
    with soaking(directory) as soak:
        pause = CLIENTS / _LOAD - _ANSWER
        with (
            Load(soak.site, soak.orders, soak.stage.records, pause=pause) as load,
            Asides(soak.site, soak.blows.struck, soak.blows.steady) as asides,
        ):
            began = time.monotonic()
            came = strike(soak, load, asides, seconds)
            load.stop()
            lasted = time.monotonic() - began
            sent = load.sent + asides.answers.total()
            load.drain()
            cut = load.cut
        record = read_record(soak.stage.records)
        judged, found = judge(soak.stage, record)
        size = rows.size_of(soak.blows.database.url)
        for node in (soak.blows.struck, soak.blows.steady):
            node.stop()  # its last lines are written then
        address = soak.blows.struck.address
        logged = compare(soak.site.log().splitlines(), soak.node_logs(), address, soak.blows.killed_at)
    grown, found["growth"] = _growth(soak.readings, len(came))
    found["failed"] = [f"{cut} connections broke before the answer"] if cut else []
    found["asides"] = asides.wrong
    found["tables"] = rows.missed(size)
    found["no line"], found["strange lines"] = logged.unlogged, logged.strange
    found["no proof"] = unproven(record) + [f"there was no {name}" for name, times in came.items() if not times]
    first: Figures = {"seconds": round(lasted), "faults": sum(came.values()), "requests a second": round(sent / lasted)}
    return {**first, **judged, **_shown(logged, size, asides), **grown, "failed": cut}, found


def _growth(readings: dict[str, list[growth.Reading]], a_round: int) -> tuple[Figures, list[str]]:
    figures: Figures = {}
    sentences = []
    for name, of_node in readings.items():
        pair = growth.warm_and_last(of_node, a_round)
        if pair is None:
            continue
        for when, reading in zip(("after warm-up", "at the end"), pair, strict=True):
            figures[f"{name} node, MB {when}"] = round(reading.memory, 1)
            figures[f"{name} node, open files {when}"] = round(reading.files, 1)
            figures[f"{name} node, threads {when}"] = round(reading.threads, 1)
        sentences += [f"{name} node: {sentence}" for sentence in growth.missed(*pair)]
    return figures, sentences


def _shown(logged: Logged, size: rows.Size, asides: Asides) -> Figures:
    return {
        "asides": asides.answers.total(),
        "asides answered wrongly": len(asides.wrong),
        "answers of the nodes to nginx": logged.answers,
        "log lines": logged.lines,
        "answers that a line counts as left out": logged.left_out,
        "log lines dropped": logged.dropped,
        "log lines gone with a killed worker": logged.with_killed_worker,
        "answers without a line": len(logged.unlogged),
        "lines without an answer": len(logged.strange),
        "tables and indexes, kB on disk": size.measured // 1024,
        "computed from their rows, kB": size.computed // 1024,
    }


def main(arguments: Iterable[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="of load; default %(default)s")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_save_option(parser)
    options = parser.parse_args(None if arguments is None else list(arguments))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped then, too
    with saved_run("soak", options.save) as saved:
        figures, found = run(options.seconds, saved.directory)
        saved.is_wrong = any(found.values())
    print_violations("soak", found)
    print_figures({"soak": figures}, as_json=options.json)
    return 1 if saved.is_wrong else 0
