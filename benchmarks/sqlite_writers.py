"""`make bench-writers`: four processes cancel on one SQLite file, with and without the file lock.

Every cancellation is the service's own: signature, nonce, locks, refund, COMMIT on the disk. Only journal modes
that this SQLite is safe in are run; which ones the report says. Exit status 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import math
import sqlite3
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

from sqlalchemy import insert

from benchmarks.measure import Goal
from refund_api.cancel.handler import CancelOrder
from refund_api.context import RequestContext
from refund_api.ports import LedgerUnavailable
from refund_api.signing.keys import Key, KeyRing
from refund_api.signing.legacy import sign_legacy
from refund_api.signing.verifier import Verifier
from refund_api.storage.engines import sqlite
from refund_api.storage.engines.file_lock import FileLock
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.schema import upgrade
from refund_api.storage.tables import orders, passenger
from refund_api.storage.transaction import run_writing
from refund_api.storage.unit_of_work import SqlUnitOfWork
from xml_contracts.reading import Reading
from xml_contracts.refund import Terminal, TicketRefundRequest

WRITERS = 4
MOST_PER_SECOND = 2000  # cancellations of one writer; more orders than it can use are booked
SECRET = b"a shared secret of thirty-two b."
NOW = datetime(2026, 11, 23, 8, 10, 22, tzinfo=UTC)
PASSENGERS = [str(uuid.UUID(int=number)) for number in range(10)]


@dataclass(frozen=True)
class Arm:
    """One way to write."""

    journal_mode: str
    synchronous: str
    file_lock: bool

    def __str__(self) -> str:
        return f"{self.journal_mode}/{self.synchronous}, {'file lock' if self.file_lock else 'busy handler only'}"


@dataclass(frozen=True)
class Task:
    """What a writer process needs; `begin` and `end` are time.time()."""

    arm: Arm
    url: str
    writer: int
    begin: float
    end: float


@dataclass(frozen=True)
class Result:
    """An arm, measured: milliseconds, and how many of the cancellations a client would have had to send again."""

    arm: Arm
    per_second: float
    p50: float
    p99: float
    p999: float
    longest: float
    done: int
    try_again: int
    busiest_writer: int
    idlest_writer: int


def arms() -> list[Arm]:
    modes = list(dict.fromkeys([("delete", "EXTRA"), sqlite.journal(sqlite3.sqlite_version_info)]))
    return [Arm(*mode, file_lock) for mode in modes for file_lock in (False, True)]


def run(arm: Arm, directory: Path, seconds: float) -> Result:
    set_up(arm)
    with tempfile.TemporaryDirectory(dir=directory) as folder:
        url = f"sqlite:///{folder}/ledger.db"
        book(url, math.ceil(seconds * MOST_PER_SECOND / len(PASSENGERS)))
        begin = time.time() + 5  # until all processes are there
        tasks = [Task(arm, url, writer, begin, begin + seconds) for writer in range(WRITERS)]
        with ProcessPoolExecutor(WRITERS, mp_context=get_context("spawn")) as pool:
            results = list(pool.map(cancel_until_the_end, tasks))
    return summary(arm, seconds, [done for done, _ in results], sum(try_again for _, try_again in results))


def summary(arm: Arm, seconds: float, by_writer: Sequence[Sequence[float]], try_again: int) -> Result:
    times = sorted(1000 * time for done in by_writer for time in done)
    counts = [len(done) for done in by_writer]
    p50, p99, p999 = (times[math.ceil(len(times) * share) - 1] for share in (0.5, 0.99, 0.999))
    per_second = len(times) / seconds
    return Result(arm, per_second, p50, p99, p999, times[-1], len(times), try_again, max(counts), min(counts))


def set_up(arm: Arm) -> None:
    """Make the storage of this process write the arm's way."""
    sqlite.journal = lambda version: (arm.journal_mode, arm.synchronous)
    if not arm.file_lock:
        FileLock.held = no_lock  # type: ignore[method-assign]


@contextmanager
def no_lock(lock: FileLock, seconds: float):  # type: ignore[no-untyped-def]
    yield


def book(url: str, many: int) -> None:
    """`many` orders a writer, all in one transaction."""
    numbers = [order_number(writer, turn) for writer in range(WRITERS) for turn in range(many)]
    order = {"train_date": date(2027, 6, 1), "state": "booked", "currency": "CNY", "updated_at": NOW}
    engine = make_engine(url, threads=1)
    upgrade(engine)
    run_writing(
        engine, lambda connection: connection.execute(insert(orders), [{"order_number": n, **order} for n in numbers])
    )
    rows = [
        {"order_number": n, "passenger_id": passenger_id, "paid_minor": 55350}
        for n in numbers
        for passenger_id in PASSENGERS
    ]
    run_writing(engine, lambda connection: connection.execute(insert(passenger), rows))
    engine.dispose()


def order_number(writer: int, turn: int) -> str:
    return f"CTT20261123{writer:02}{turn:07}"


def cancel_until_the_end(task: Task) -> tuple[list[float], int]:
    """Seconds of each cancellation, answered with a number, and how many were not answered."""
    set_up(task.arm)
    verifier = Verifier(KeyRing((Key("bench", "legacy", SECRET),)), timedelta(seconds=300), "/api/order/cancel")
    engine = make_engine(task.url, threads=1)
    handler = CancelOrder(SqlUnitOfWork(engine), verifier)
    context = RequestContext("bench", "127.0.0.1", NOW, "")
    times: list[float] = []
    try_again = 0
    time.sleep(max(0.0, task.begin - time.time()))
    for number in range(10**9):
        if time.time() >= task.end:
            break
        request = Reading(request_of(task.writer, number))
        began = time.perf_counter()
        try:
            result = handler(request, context).result
        except LedgerUnavailable:
            try_again += 1
            continue
        times.append(time.perf_counter() - began)
        assert result.code == 1, result
    engine.dispose()
    return times, try_again


def request_of(writer: int, number: int) -> TicketRefundRequest:
    turn, which = divmod(number, len(PASSENGERS))
    random, time_stamp = 1 + number * WRITERS + writer, NOW.strftime("%Y%m%d%H%M%S")
    return TicketRefundRequest(
        terminal=Terminal.WEBPAGEEnum,
        time_stamp=time_stamp,
        random=random,
        sign=sign_legacy(SECRET, random=random, time_stamp=time_stamp, terminal=1),
        order_number=order_number(writer, turn),
        refund_passanger_ids=PASSENGERS[which],
        refund_reason="change of plan",
    )


def goals(results: Sequence[Result]) -> list[Goal]:
    return [Goal(f"p99.9, {r.arm}, ms", r.p999, 250.0) for r in results if r.arm.file_lock]


def print_text(results: Sequence[Result]) -> None:
    print(f"SQLite {sqlite3.sqlite_version}, {WRITERS} writer processes on one file; milliseconds a cancellation\n")
    print(f"{'':32}{'a second':>9}{'p50':>9}{'p99':>9}{'p99.9':>9}{'longest':>9}  try again  writers' shares")
    for r in results:
        times = "".join(f"{value:9.1f}" for value in (r.per_second, r.p50, r.p99, r.p999, r.longest))
        print(f"{r.arm!s:32}{times}{r.try_again:>11}  {r.idlest_writer} to {r.busiest_writer}")
    if not any(r.arm.journal_mode == "wal" for r in results):
        print(
            "\nWAL was not run: this SQLite has the WAL-reset bug (mended in 3.51.3), so the service does not use it."
        )
    print("\nGoals")
    for goal in goals(results):
        print(f"  {goal}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.add_argument("--seconds", type=float, default=20, help="of writing, an arm")
    parser.add_argument(
        "--directory", type=Path, default=Path(tempfile.gettempdir()), help="on the disk that is to be measured"
    )
    options = parser.parse_args()
    results = [run(arm, options.directory, options.seconds) for arm in arms()]
    if options.json:
        reached = [{**asdict(goal), "passed": goal.passed} for goal in goals(results)]
        print(json.dumps({"sqlite": sqlite3.sqlite_version, "arms": [asdict(r) for r in results], "goals": reached}))
    else:
        print_text(results)
    return 0 if all(goal.passed for goal in goals(results)) else 1


if __name__ == "__main__":
    sys.exit(main())
