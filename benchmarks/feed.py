"""`make bench-feed OLD=DIR`: how fast `orders import` is beside the code before, and whether it keeps others waiting.

DIR is a checkout of the earlier code (`git worktree add DIR COMMIT`). Old and new import the same file in turn, each
into an empty database, as an operator would: the whole command, from its start to its end.
- memory: the new code imports a file and one of ten times its size; the peak must stay the same.
- cancellations: while a file is imported again whose orders are all known, some of them with a thousand passengers, its
  orders are cancelled by the ledger of the service, one after the other.
Exit status 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen

from benchmarks.measure import Goal
from refund_api.cancel.decision import Asked, judge_and_record
from refund_api.domain import Cancellation
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.chaos.report import progress
from tests.postgres import fresh_database, postgres_server
from tests.servers import ROOT

FASTER = {"postgres": 3.0, "sqlite": 1.5}
MOST_DELAY = 250.0  # milliseconds, p99
MOST_GROWTH = 1.25  # of the peak memory, for ten times the orders
EVERY = 0.02  # seconds from one cancellation to the next
LARGE = 1000  # passengers


@dataclass(frozen=True)
class Import:
    """One run of the command: seconds, and the peak of its memory in MiB."""

    seconds: float
    peak: float


@dataclass(frozen=True)
class Result:
    """One engine. Rates are orders a second, medians; memory is MiB; delays are milliseconds, p99 and longest."""

    old_rate: float
    new_rate: float
    again_rate: float
    peak: float
    peak_of_ten_times: float
    cancellations: int
    delay_alone: float
    delay: float
    longest: float


def write_feed(path: Path, orders: int, *, large_every: int = 0) -> None:
    """`orders` orders of two passengers; each `large_every`-th has a thousand."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(orders):
            size = LARGE if large_every and number % large_every == 0 else 2
            passengers = [{"passenger_id": passenger_id(number, n), "paid_minor": 55350 + n} for n in range(size)]
            order = {
                "order_number": order_number(number),
                "train_date": "2027-06-01",
                "state": "booked",
                "currency": "CNY",
                "passengers": passengers,
            }
            file.write(json.dumps(order) + "\n")


def order_number(number: int) -> str:
    return f"CTT{20261123000000000 + number}"


def passenger_id(number: int, place: int) -> str:
    return str(uuid.UUID(int=(number << 16) + place, version=4))


@contextmanager
def empty_database(server: str, project: Path) -> Iterator[str]:
    """The URL of a database with the schema of that project's code; on a server, or a file where there is none."""
    with tempfile.TemporaryDirectory(prefix="bench-feed-") as directory:
        file = nullcontext(f"sqlite:///{directory}/ledger.db")
        with fresh_database(server) if server else file as url:
            run(project, url, "db", "upgrade")
            yield url


def run(project: Path, url: str, *command: str) -> Import:
    """Run a command to its end. RuntimeError: it failed."""
    began = time.perf_counter()
    child = start(project, url, *command)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)}: {child.stderr.read().decode() if child.stderr else ''}")
    if child.stderr:
        child.stderr.close()
    return Import(time.perf_counter() - began, usage.ru_maxrss / 1024)


def start(project: Path, url: str, *command: str) -> Popen[bytes]:
    environ = {**os.environ, "REFUND_API_DATABASE_URL": url, "PYTHONPATH": str(project)}
    arguments = [sys.executable, "-m", "flask", "--app", "app", *command]
    return Popen(arguments, cwd=project, env=environ, stdout=DEVNULL, stderr=PIPE)


def rates(server: str, old: Path, feed: Path, orders: int, rounds: int) -> tuple[float, float, float]:
    """Orders a second: of the old code, of the new, and of the new when it imports the same file again."""
    samples: dict[str, list[float]] = {"old": [], "new": [], "again": []}
    for number in range(1, rounds + 1):
        for name, project in (("old", old), ("new", ROOT)):
            progress(f"{name} code, round {number} of {rounds}")
            with empty_database(server, project) as url:
                samples[name].append(orders / run(project, url, "orders", "import", str(feed)).seconds)
                if name == "new":
                    samples["again"].append(orders / run(project, url, "orders", "import", str(feed)).seconds)
    return (*(statistics.median(samples[name]) for name in ("old", "new", "again")),)  # type: ignore[return-value]


def peak(server: str, feed: Path) -> float:
    """MiB that the import of an empty database needs at its peak."""
    progress("memory")
    with empty_database(server, ROOT) as url:
        return run(ROOT, url, "orders", "import", str(feed)).peak


def delays(server: str, feed: Path, orders: int) -> tuple[list[float], list[float]]:
    """Milliseconds of cancellations: alone, and while the feed is imported again."""
    progress("cancellations beside an import")
    with empty_database(server, ROOT) as url:
        run(ROOT, url, "orders", "import", str(feed))
        service = make_engine(url, threads=1)
        unit_of_work = SqlUnitOfWork(service)
        numbers = iter(range(1, orders))
        alone = [cancel(unit_of_work, next(numbers)) for _ in range(200)]
        importing = start(ROOT, url, "orders", "import", str(feed))
        beside = []
        while importing.poll() is None:
            beside.append(cancel(unit_of_work, next(numbers) * 7919 % orders))
            time.sleep(EVERY)
        service.dispose()
        assert importing.stderr is not None
        importing.stderr.close()
    return alone, beside


def cancel(unit_of_work: SqlUnitOfWork, number: int) -> float:
    """Cancel the first passenger of an order; milliseconds."""
    asked = Asked(
        cancellation=Cancellation(order_number(number), frozenset([passenger_id(number, 0)]), "plans changed"),
        nonce=None,
        kid="bench",
        now=datetime.now(UTC),
        notice_days=30,
        source="192.0.2.7",
        request_id="bench",
    )
    began = time.perf_counter()
    unit_of_work.run(partial(judge_and_record, asked=asked))
    return 1000 * (time.perf_counter() - began)


def measure(engine: str, old: Path, orders: int, rounds: int) -> Result:
    needed = postgres_server() if engine == "postgres" else nullcontext("")
    with tempfile.TemporaryDirectory(prefix="bench-feed-") as directory, needed as server:
        feed, tenth, mixed = (Path(directory) / name for name in ("feed", "tenth", "mixed"))
        write_feed(feed, orders)
        write_feed(tenth, orders // 10)
        write_feed(mixed, orders // 2, large_every=500)
        old_rate, new_rate, again_rate = rates(server, old, feed, orders, rounds)
        peaks = peak(server, tenth), peak(server, feed)
        alone, beside = delays(server, mixed, orders // 2)
    progress("")
    return Result(old_rate, new_rate, again_rate, *peaks, len(beside), p99(alone), p99(beside), max(beside))


def p99(values: list[float]) -> float:
    return sorted(values)[math.ceil(len(values) * 0.99) - 1]


def goals(results: dict[str, Result]) -> Iterator[Goal]:
    for engine, result in results.items():
        faster = FASTER[engine]
        yield Goal(f"{engine}: time of the new code for that of the old", result.old_rate / result.new_rate, 1 / faster)
        yield Goal(
            f"{engine}: peak memory for ten times the orders", result.peak_of_ten_times / result.peak, MOST_GROWTH
        )
        yield Goal(f"{engine}: p99 of cancellations beside an import, ms", result.delay, MOST_DELAY)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-feed", description=__doc__)
    parser.add_argument("--old", type=Path, required=True, help="a checkout of the earlier code")
    parser.add_argument("--engine", choices=(*FASTER, "all"), default="all")
    parser.add_argument("--orders", type=int, default=200_000, help="default %(default)s")
    parser.add_argument("--rounds", type=int, default=3, help="default %(default)s")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))  # so that a server is stopped too
    engines = tuple(FASTER) if chosen.engine == "all" else (chosen.engine,)
    results = {}
    for engine in engines:
        results[engine] = measure(engine, chosen.old.resolve(), chosen.orders, chosen.rounds)
        figures = (f"{name} {value:.1f}" for name, value in asdict(results[engine]).items())
        print(engine, *figures, sep="\n  ", flush=True)
    reached = list(goals(results))
    for goal in reached:
        print(goal)
    return 0 if all(goal.passed for goal in reached) else 1


if __name__ == "__main__":
    sys.exit(main())
