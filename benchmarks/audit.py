"""`make bench-audit`: how long the audit takes on a million orders, on PostgreSQL and on SQLite.

The ledger is filled as a restore would leave it, then audited before and after the planner knows its tables.
Exit status 1 when an audit is not clean, or was slower than its goal.
"""

from __future__ import annotations

import argparse
import json
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from functools import partial

from sqlalchemy import Connection, TextClause, text

from benchmarks.measure import Goal
from refund_api.storage.audit import Report, audit
from refund_api.storage.budget import Budget
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.schema import upgrade
from refund_api.storage.transaction import run_writing
from tests.chaos.report import progress
from tests.postgres import execute, own_server

ROUNDS = 5
LIMITS = {"postgres": 5.0}  # seconds; SQLite has a figure and no goal
_FILLING = Budget(lock=3600, statement=3600, whole=3600)

# Two passengers an order, every second order refunded whole; ids as long as real ones. Both engines understand it.
_FILL = {
    "orders": text("""
        INSERT INTO orders (order_number, train_date, state, currency, updated_at)
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :orders)
        SELECT 'CTT' || CAST(20261123000000000 + i AS TEXT), '2027-06-01',
            CASE i % 2 WHEN 0 THEN 'cancelled' ELSE 'booked' END, 'CNY', '2026-11-23 08:10:22.000000'
        FROM n
        """),
    "passengers": text("""
        INSERT INTO passenger (order_number, passenger_id, paid_minor)
        SELECT order_number, '3288010f-2d18-4900-890e-' || place || substr(order_number, 12), 55350
        FROM orders CROSS JOIN (SELECT '100' AS place UNION ALL SELECT '200') AS places
        """),
    "refunds": text("""
        INSERT INTO refund (order_number, refund_id, set_hash, amount_minor, currency, reason,
            recorded_at, decided_at, source, kid, request_id)
        SELECT order_number, '0b7e5a34-3a8e-4a55-9c0e-300' || substr(order_number, 12),
            '4c8f0a5d9e2b7361f0a5d9e2b73614c84c8f0a5d9e2b7361f0a5d9e2b73614c8',
            sum(paid_minor), 'CNY', 'change of plan',
            '2026-11-23 08:10:22.000000', '2026-11-23 08:10:22.000000', '192.0.2.7', 'bench', 'bench'
        FROM orders JOIN passenger USING (order_number) WHERE state = 'cancelled' GROUP BY order_number
        """),
    "items": text("""
        INSERT INTO refund_item (order_number, passenger_id, refund_id, amount_minor)
        SELECT order_number, passenger_id, refund_id, paid_minor FROM refund JOIN passenger USING (order_number)
        """),
    "outbox": text("""
        INSERT INTO refund_outbox (order_number, refund_id, state, attempts, next_try_at)
        SELECT order_number, refund_id, 'new', 0, '2026-11-23 08:10:22.000000' FROM refund
        """),
}


@dataclass(frozen=True)
class Result:
    """One engine: what was audited and found, and seconds."""

    orders: int
    refunds: int
    violations: int
    filling: float
    not_analysed: float
    median: float
    worst: float


Analyse = Callable[[], None]


@contextmanager
def postgres() -> Iterator[tuple[str, Analyse]]:
    """The URL of an empty database, and what makes its planner know the tables."""
    with own_server() as url:
        # Else it would analyse by itself, at a time of its own.
        execute(url, "ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()")
        yield url, lambda: execute(url, "VACUUM ANALYZE")


@contextmanager
def sqlite() -> Iterator[tuple[str, Analyse]]:
    """The same in a file."""
    with tempfile.TemporaryDirectory(prefix="bench-audit-") as directory:
        path = f"{directory}/ledger.db"

        def analyse() -> None:
            with closing(sqlite3.connect(path)) as connection:
                connection.executescript("VACUUM; ANALYZE")

        yield f"sqlite:///{path}", analyse


DATABASES = {"postgres": postgres, "sqlite": sqlite}


def run(name: str, orders: int) -> Result:
    with DATABASES[name]() as (url, analyse):
        began = time.perf_counter()
        fill(name, url, orders)
        filling = time.perf_counter() - began
        progress(f"{name}: auditing {orders} orders, not analysed")
        reports = [timed_audit(url)]
        progress(f"{name}: VACUUM, ANALYZE")
        analyse()
        for number in range(1, ROUNDS + 1):
            progress(f"{name}: auditing {orders} orders, {number} of {ROUNDS}")
            reports.append(timed_audit(url))
        progress("")
    not_analysed, *times = (seconds for seconds, _ in reports)
    violations = sum(finding.count for _, report in reports for finding in report.findings)
    _, last = reports[-1]
    median = statistics.median(times)
    return Result(last.orders, last.refunds, violations, filling, not_analysed, median, max(times))


def fill(name: str, url: str, orders: int) -> None:
    engine = make_engine(url, threads=1)
    upgrade(engine)
    for what, statement in _FILL.items():
        progress(f"{name}: filling in {what}, for {orders} orders")
        run_writing(engine, partial(_insert, statement, orders), _FILLING)
    engine.dispose()


def _insert(statement: TextClause, orders: int, connection: Connection) -> None:
    connection.execute(statement, {"orders": orders})  # one of them counts, the others read what is there


def timed_audit(url: str) -> tuple[float, Report]:
    began = time.perf_counter()
    report = audit(url)
    return time.perf_counter() - began, report


def goals(results: Mapping[str, Result]) -> list[Goal]:
    return [
        Goal(f"the longest audit of {result.orders} orders, {name}, s", result.worst, LIMITS[name])
        for name, result in results.items()
        if name in LIMITS
    ]


def print_text(results: Mapping[str, Result]) -> None:
    print(f"Seconds an audit; median and longest of {ROUNDS} after VACUUM and ANALYZE\n")
    titles = f"{'filling':>10}{'not analysed':>14}{'median':>9}{'longest':>9}  verdict"
    print(f"{'':10}{'orders':>10}{'refunds':>10}{titles}")
    for name, r in results.items():
        verdict = f"{r.violations} VIOLATIONS" if r.violations else "clean"
        times = f"{r.filling:10.2f}{r.not_analysed:14.2f}{r.median:9.2f}{r.worst:9.2f}"
        print(f"{name:10}{r.orders:10}{r.refunds:10}{times}  {verdict}")
    for goal in goals(results):
        print(f"\nGoal  {goal}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-audit", description=__doc__)
    parser.add_argument("--engine", choices=(*DATABASES, "all"), default="all")
    parser.add_argument("--orders", type=int, default=1_000_000, help="default %(default)s")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))  # so that the server is stopped too
    names = DATABASES if options.engine == "all" else (options.engine,)
    results = {name: run(name, options.orders) for name in names}
    if options.json:
        reached = [{**asdict(goal), "passed": goal.passed} for goal in goals(results)]
        print(json.dumps({"engines": {name: asdict(r) for name, r in results.items()}, "goals": reached}))
    else:
        print_text(results)
    clean = not any(result.violations for result in results.values())
    return 0 if clean and all(goal.passed for goal in goals(results)) else 1


if __name__ == "__main__":
    sys.exit(main())
