"""`make test-ha`: the primary is killed -9 while its standby lags, and no acknowledged refund may be lost.

Clients and one gunicorn go on through the multi-host URL. With COMMITs that wait for the standby nothing
may be lost; with COMMITs that do not, the control, something must be. Last, a standby that dies and comes back
(dead_standby.py). Exit status 1 otherwise.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.replication import Pair, pair
from tests.servers import Gunicorn, gunicorn

from . import dead_standby
from .check import LATEST, OK, Record, read_ledger, read_record, violations
from .check.dump import dump
from .load import Load, Orders
from .report import Figures, print_figures, print_violations, progress
from .saving import add_save_option, saved_run
from .stage import Stage, stage_on

_WORKERS = 2
_BEFORE, _STALL, _AFTER = 1.5, 1.0, 1.5  # seconds of load


@dataclass(frozen=True)
class Moments:
    """Of one failover, time.monotonic_ns()."""

    stalled: int
    killed: int
    promoted: int


@dataclass(frozen=True)
class Round:
    """What the clients saw of one failover: refunds, and seconds from the kill on."""

    acknowledged: int
    while_stalled: int
    lost: int
    promoted: float
    first_answer: float

    def __str__(self) -> str:
        refunds = f"{self.acknowledged:4} acknowledged ({self.while_stalled} while stalled), {self.lost} lost"
        return f"{refunds}; promoted after {self.promoted:.2f} s, first answer after {self.first_answer:.2f} s"


def fail_over(servers: Pair, server: Gunicorn, orders: Orders, records: Path) -> Moments:
    """One failover under load; it ends when every request was answered."""
    with Load(server, orders, records) as load:
        time.sleep(_BEFORE)
        servers.stall()
        stalled = time.monotonic_ns()
        time.sleep(_STALL)
        killed = time.monotonic_ns()
        servers.primary.kill()
        servers.fail_over()
        promoted = time.monotonic_ns()
        time.sleep(_AFTER)
        load.stop()
        load.drain()
    return Moments(stalled, killed, promoted)


def first_told(record: Record) -> dict[str, int]:
    """The refunds that were promised, and when a client first read so."""
    told: dict[str, int] = {}
    for seen in record.seen:
        if seen.code == OK and seen.data is not None:
            told[seen.data] = min(seen.at, told.get(seen.data, seen.at))
    return told


def judge(record: Record, stage: Stage, moments: Moments, told: set[str], lost: set[str]) -> Round:
    """The round that has just ended; adds to what was `told` and `lost` in those before."""
    now_told = first_told(record)
    now_lost = now_told.keys() - read_ledger(stage.engine).refunds.keys()
    new = {number: at for number, at in now_told.items() if number not in told}
    served = [seen.at for seen in record.seen if seen.code == OK and seen.at > moments.promoted]
    found = Round(
        acknowledged=len(new),
        while_stalled=sum(moments.stalled < at < moments.killed for at in new.values()),
        lost=len(now_lost - lost),
        promoted=(moments.promoted - moments.killed) / 1e9,
        first_answer=(min(served) - moments.killed) / 1e9 if served else float("inf"),
    )
    told.update(now_told)
    lost.update(now_lost)
    return found


def run(rounds: int, title: str, directory: Path, *, synchronous: bool) -> tuple[Figures, dict[str, list[str]]]:
    """The figures of all rounds and the violations by kind; a line a round on stderr. The directory must be empty."""
    done: list[Round] = []
    told: set[str] = set()
    lost: set[str] = set()
    with (
        pair() as servers,
        stage_on(servers.url, directory) as stage,
        gunicorn("wsgi:app", directory / "gunicorn.log", stage.env, _WORKERS) as server,
    ):
        orders = Orders(stage)
        for number in range(1, rounds + 1):
            progress(f"{title}: round {number} of {rounds}")
            if number > 1:
                servers.follow()
                orders.refill()
            servers.wait_for_standbys(synchronous)
            moments = fail_over(servers, server, orders, stage.records)
            stage.engine.dispose()  # its connections died with the primary
            done.append(judge(read_record(stage.records), stage, moments, told, lost))
            progress("")
            print(f"{title} round {number}: {done[-1]}", file=sys.stderr, flush=True)
        dump(stage.engine, directory)
        found = violations(read_record(directory), read_ledger(stage.engine)) | {"audit": stage.audit()}
        found["no proof"] = [
            f"{title} {round_}" for round_ in done if not round_.acknowledged or round_.first_answer > LATEST
        ]
    return figures_of(done, found), found


def figures_of(rounds: list[Round], found: dict[str, list[str]]) -> Figures:
    answers = sorted(round_.first_answer for round_ in rounds)
    return {
        "rounds": len(rounds),
        "acknowledged": sum(round_.acknowledged for round_ in rounds),
        "of these while stalled": sum(round_.while_stalled for round_ in rounds),
        "lost": sum(round_.lost for round_ in rounds),
        "other violations": sum(len(sentences) for kind, sentences in found.items() if kind != "lost"),
        "first answer, median s": round(answers[len(answers) // 2], 2),
        "first answer, worst s": round(answers[-1], 2),
    }


def synchronous(options: argparse.Namespace, directory: Path) -> tuple[Figures, dict[str, list[str]]]:
    """COMMITs wait for the standby: nothing may be wrong."""
    return run(options.rounds, "synchronous", directory, synchronous=True)


def control(options: argparse.Namespace, directory: Path) -> tuple[Figures, dict[str, list[str]]]:
    """They do not: the only thing that is wrong is to lose nothing."""
    figures, _ = run(options.control_rounds, "control", directory, synchronous=False)
    nothing = [] if figures["lost"] else ["nothing was lost, so this program would not see a loss"]
    return figures, {"no proof": nothing}


def standby_dies(options: argparse.Namespace, directory: Path) -> tuple[Figures, dict[str, list[str]]]:
    """dead_standby.py, which has no options."""
    return dead_standby.run(directory)


_PARTS = {"synchronous": synchronous, "control": control, "dead-standby": standby_dies}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.failover", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="with a synchronous standby, at least 1")
    parser.add_argument("--control-rounds", type=int, default=3, help="with an asynchronous one, at least 1")
    parser.add_argument("--only", choices=_PARTS, help="one of the three")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_save_option(parser)
    options = parser.parse_args()
    if min(options.rounds, options.control_rounds) < 1:
        parser.error("a round that is not run proves nothing")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped then, too
    columns: dict[str, Figures] = {}
    with saved_run("failover", options.save) as saved:
        for name, part in _PARTS.items():
            if options.only in (None, name):
                (directory := saved.directory / name).mkdir()
                columns[name], found = part(options, directory)
                print_violations(name, found)
                saved.is_wrong |= any(found.values())
    print_figures(columns, as_json=options.json)
    return 1 if saved.is_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
