"""`python -m benchmarks.ledger`: a cancellation in the ledger beside the same statements by hand.

Ours is the decision with its transaction, as a request runs it behind the signature: budgets, gate, retries and rules.
By hand is what somebody would write with the driver alone: the same statements, on a connection that is kept, with the
same settings of the transaction, and nothing else. Both cancel two passengers of an order and close it. They take
turns in short rounds on one database; what counts is the time of a round. Exit status 1 when a goal is missed.

The PostgreSQL of the measurement does not wait for its disk, or the disk would hide what is compared. The SQLite file
is on the disk of `--directory` with the journal of the service. By hand takes the file lock too, which is what makes
writers get their turns (ADR 0009); without it is shown beside, and has no goal.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import psycopg
from sqlalchemy import Engine, insert

from benchmarks.by_hand import on_postgres, on_sqlite
from benchmarks.measure import Goal
from refund_api.cancel.decision import Asked, Recorded, decide
from refund_api.domain import Cancellation, Nonce
from refund_api.storage.engines import sqlite
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.schema import upgrade
from refund_api.storage.tables import orders, passenger
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.postgres import fresh_database, postgres_server

NOW = datetime(2026, 11, 23, 8, 10, 22, tzinfo=UTC)
PASSENGERS = [str(uuid.UUID(int=number)) for number in (1, 2)]
THREADS = (1, 4)
SPEED = {"postgres": 0.9, "sqlite": 0.8}  # of by hand, at least
CANCELLATIONS = 100  # of all threads, a round
Cancel = Callable[[Asked], object]


@dataclass(frozen=True)
class Result:
    """Medians of the rounds, microseconds of a round for each of its cancellations; by contender."""

    engine: str
    threads: int
    microseconds: dict[str, float]

    @property
    def goal(self) -> Goal:
        """Whether ours is fast enough beside by hand."""
        ratio = self.microseconds["ours"] / self.microseconds["by hand"]
        speed = SPEED[self.engine]
        return Goal(
            f"{self.engine}, {self.threads} threads: times by hand, for {speed:g} of its speed", ratio, 1 / speed
        )


def ours(engine: Engine) -> Cancel:
    unit_of_work = SqlUnitOfWork(engine)

    def cancel(asked: Asked) -> None:
        assert isinstance(decide(unit_of_work, asked).decision, Recorded)

    return cancel


@contextmanager
def postgres_contenders(threads: int) -> Iterator[tuple[Engine, dict[str, list[Cancel]]]]:
    """An engine, and for each contender what each thread calls."""
    with postgres_server() as server, fresh_database(server) as url:
        engine = make_engine(url, threads=threads)
        upgrade(engine)
        connections = [psycopg.connect(url, autocommit=True) for _ in range(threads)]
        by_hand: list[Cancel] = [partial(on_postgres, connection) for connection in connections]
        yield engine, {"ours": [ours(engine)] * threads, "by hand": by_hand}
        for connection in connections:
            connection.close()
        engine.dispose()


@contextmanager
def sqlite_contenders(threads: int, directory: Path) -> Iterator[tuple[Engine, dict[str, list[Cancel]]]]:
    """An engine on a file in a new folder of the directory, and for each contender what each thread calls."""
    with tempfile.TemporaryDirectory(dir=directory) as folder:
        path = Path(folder, "ledger.db")
        engine = make_engine(f"sqlite:///{path}", threads=threads)
        sqlite.make_database(engine)
        upgrade(engine)
        connections = [sqlite3.connect(path, timeout=60, check_same_thread=False) for _ in range(threads)]
        for connection in connections:
            sqlite._make_durable(connection)
        locks = [open(f"{path}.lock", "w") for _ in range(threads)]  # noqa: SIM115
        by_hand: list[Cancel] = [
            partial(on_sqlite, connection, lock.fileno()) for connection, lock in zip(connections, locks, strict=True)
        ]
        bare: list[Cancel] = [partial(on_sqlite, connection, None) for connection in connections]
        yield engine, {"ours": [ours(engine)] * threads, "by hand": by_hand, "by hand, no file lock": bare}
        for opened in (*connections, *locks):
            opened.close()
        engine.dispose()


def book(engine: Engine) -> list[Asked]:
    """New orders of two passengers, and for each the request that cancels it."""
    numbers = [str(uuid.uuid4()) for _ in range(CANCELLATIONS)]
    order = {"train_date": date(2027, 6, 1), "state": "booked", "currency": "CNY", "updated_at": NOW}
    rows = [{"order_number": n, "passenger_id": p, "paid_minor": 55350} for n in numbers for p in PASSENGERS]
    with engine.begin() as connection:
        connection.execute(insert(orders), [{"order_number": number, **order} for number in numbers])
        connection.execute(insert(passenger), rows)
    return [asked(number) for number in numbers]


def asked(number: str) -> Asked:
    nonce = Nonce(uuid.uuid4().hex * 2, "f" * 64, NOW + timedelta(minutes=6))
    cancellation = Cancellation(number, frozenset(PASSENGERS), "plans changed")
    return Asked(cancellation, nonce, "web", NOW, 30, "192.0.2.7", str(uuid.uuid4()))


def measure(engine: Engine, contenders: dict[str, list[Cancel]], rounds: int) -> dict[str, float]:
    """Median microseconds a cancellation, by contender; a first round warms up. Each round begins with another one."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for number in range(rounds + 1):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            times[name].append(time_round(contenders[name], book(engine)))
    return {name: statistics.median(values[1:]) for name, values in times.items()}


def time_round(cancels: Sequence[Cancel], requests: Sequence[Asked]) -> float:
    """Microseconds for each of the requests, which the threads share."""
    shares = [requests[number :: len(cancels)] for number in range(len(cancels))]
    with ThreadPoolExecutor(len(cancels)) as pool:
        began = time.perf_counter()
        list(pool.map(lambda cancel, share: [cancel(request) for request in share], cancels, shares))
        return (time.perf_counter() - began) / len(requests) * 1e6


def run(engine_name: str, threads: int, rounds: int, directory: Path) -> Result:
    """One engine with so many threads."""
    scene = postgres_contenders(threads) if engine_name == "postgres" else sqlite_contenders(threads, directory)
    with scene as (engine, contenders):
        return Result(engine_name, threads, measure(engine, contenders, rounds))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=(*SPEED, "all"), default="all")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()), help="of the SQLite file")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    options = parser.parse_args()
    engines = tuple(SPEED) if options.engine == "all" else (options.engine,)
    results = [run(engine, threads, options.rounds, options.directory) for engine in engines for threads in THREADS]
    goals = [result.goal for result in results]
    if options.json:
        reached = [{**asdict(goal), "passed": goal.passed} for goal in goals]
        print(json.dumps({"results": [asdict(result) for result in results], "goals": reached}))
    else:
        print_text(results)
    return 0 if all(goal.passed for goal in goals) else 1


def print_text(results: Sequence[Result]) -> None:
    for result in results:
        print(f"{result.engine}, {result.threads} threads, microseconds a cancellation")
        for name, value in result.microseconds.items():
            print(f"  {name:24}{value:9.0f}   speed of ours {value / result.microseconds['ours']:.2f} x")
        goal = result.goal
        print(f"  {'pass' if goal.passed else 'MISS'}  {goal.text}: {goal.measured:.2f} (goal <= {goal.limit:.2f})")


if __name__ == "__main__":
    sys.exit(main())
