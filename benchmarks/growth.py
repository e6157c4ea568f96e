"""Part "growth": what a cancellation costs with more orders, passengers, bytes and workers; starts and memory.

The audit of a million orders and the feed have programs of their own: `make bench-audit`, `make bench-feed`.
"""

from __future__ import annotations

import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from app import create_app
from benchmarks import audit
from benchmarks.calls import SAMPLES, Sample, make_service, wsgi_call
from benchmarks.effort import Effort
from benchmarks.http_calls import KEYS
from benchmarks.load import COLUMNS, load, load_in_turn, rows
from benchmarks.measure import Goal, medians, turns
from benchmarks.orders import fill, order_number, request_of, service_on
from benchmarks.results import Report, Table
from benchmarks.samples import REQUEST_XML
from benchmarks.servers import all_running, gunicorn
from benchmarks.starts import measure_starts
from refund_api.cancel.handler import CancelOrder
from refund_api.context import RequestContext
from refund_api.settings import Settings
from xml_contracts import DataContractSerializer
from xml_contracts.reading import Reading
from xml_contracts.refund import TicketRefundRequest

SIZES: Final = (1, 4, 16, 64)
"""Passengers of an order, and KiB of a request."""
BENT: Final = 1.25
"""How much more 64 may cost than a line through the costs of 1 and 16 says."""
_CANCELS: Final = 40  # of a round; the smallest ledger has 500 orders to cancel
_END: Final = b"</TicketRefundRequest>"


def measure(effort: Effort) -> Report:
    tables, goals = [], []
    for part in (more_orders, more_passengers, more_bytes, more_workers, measure_starts):
        part_tables, part_goals = part(effort)
        tables += part_tables
        goals += part_goals
    return Report("growth", tuple(tables), tuple(goals), NOTES)


def more_orders(effort: Effort) -> tuple[list[Table], list[Goal]]:
    """The handler on ledgers of any size: half of the orders cancelled, and the others cancelled here and there."""
    tables, goals = [], []
    for engine, database in audit.DATABASES.items():
        with ExitStack() as stack:
            cancels = {}
            for orders in effort.orders:
                url, analyse = stack.enter_context(database())
                audit.fill(engine, url, orders)
                analyse()
                handler = stack.enter_context(service_on(url))
                cancels[f"{orders:,} orders"] = _Cancels(handler, orders)
            times: dict[str, list[float]] = {name: [] for name in cancels}
            for name in turns(cancels, 2 * effort.rounds):
                times[name] += [cancels[name].next() for _ in range(_CANCELS)]
        table_rows = tuple((name, statistics.median(values)) for name, values in times.items())
        tables.append(Table(f"{engine}, a cancel", ("", "p50 ms"), table_rows, drawn="p50 ms"))
        growth = table_rows[-1][1] / table_rows[0][1]
        goals.append(Goal(f"p50 with {table_rows[-1][0]}, times that with {table_rows[0][0]}, {engine}", growth, 1.2))
    return tables, goals


class _Cancels:
    """Cancels one order after the other of those that audit.fill() has left booked: the odd ones."""

    def __init__(self, handler: CancelOrder, orders: int) -> None:
        self._handler = handler
        self._booked = orders // 2
        self._turn = 0

    def next(self) -> float:
        """Milliseconds."""
        number = 2 * (self._turn * 7919 % self._booked) + 1  # a prime: far from the one before, and never the same
        self._turn += 1
        now = datetime.now(UTC)
        ids = ",".join(f"3288010f-2d18-4900-890e-{place}{order_number(number)[11:]}" for place in (100, 200))
        request = replace(request_of(number, now), refund_passanger_ids=ids)
        began = time.perf_counter()
        outcome = self._handler(Reading(request), RequestContext("bench", "127.0.0.1", now, ""))
        taken = time.perf_counter() - began
        assert outcome.result.code == 1, outcome
        return 1000 * taken


def more_passengers(effort: Effort) -> tuple[list[Table], list[Goal]]:
    """The WSGI call on SQLite, processor time alone: orders of 1 to 64 passengers, cancelled whole."""
    each, rounds = 10, max(3, effort.call_rounds)
    with tempfile.TemporaryDirectory(prefix="bench-growth-") as directory:
        calls = {size: _cancels_of(size, f"sqlite:///{directory}/{size}.db", each * (rounds + 1)) for size in SIZES}
        times: dict[str, list[float]] = {str(size): [] for size in SIZES}
        for next_call in calls.values():
            _processor(next_call, each)  # threads, connections and caches are made
        for name in turns(times, rounds):
            gc.collect()
            times[name].append(_processor(calls[int(name)], each))
    return _grown("passengers", {int(name): statistics.median(values) for name, values in times.items()})


def _cancels_of(passengers: int, url: str, orders: int) -> Callable[[], object]:
    """Each call cancels another order."""
    fill(url, orders, passengers)
    app = create_app(Settings(database_url=url, keys=KEYS))
    write = DataContractSerializer(TicketRefundRequest).write
    numbers = iter(range(1, orders + 1))

    def call() -> object:
        body = write(request_of(next(numbers), datetime.now(UTC), passengers))
        sample = Sample("XML", "application/xml; charset=utf-8", "application/xml", body, "application/xml")
        content = wsgi_call(app, sample)()
        assert b"<code>1</code>" in content, content
        return content

    return call


def _processor(call: Callable[[], object], count: int) -> float:
    """Microseconds of processor time a call."""
    began = time.thread_time_ns()
    for _ in range(count):
        call()
    return (time.thread_time_ns() - began) / count / 1000


def more_bytes(effort: Effort) -> tuple[list[Table], list[Goal]]:
    """The WSGI call with the ledger in memory: a request with an unknown member of up to 64 KiB, which is skipped."""
    service = make_service()
    calls = {}
    for size in SIZES:
        padding = b"<zzz>%s</zzz>" % (b"x" * (1024 * size - len(REQUEST_XML) - 11))
        body = REQUEST_XML.replace(_END, padding + _END)
        calls[str(size)] = wsgi_call(service, replace(SAMPLES[0], body=body))
        assert b"<code>1</code>" in calls[str(size)]()
    return _grown("KiB", {int(name): value for name, value in medians(calls, effort.call_rounds).items()})


def _grown(unit: str, times: Mapping[int, float]) -> tuple[list[Table], list[Goal]]:
    title, column = f"WSGI call by {unit}", "µs CPU"
    table = Table(title, ("", column), tuple((f"{size} {unit}", value) for size, value in times.items()), drawn=column)
    on_the_line = times[1] + (times[16] - times[1]) / 15 * 63
    return [table], [Goal(f"64 {unit}, times what a line through 1 and 16 says", times[64] / on_the_line, BENT)]


def more_workers(effort: Effort) -> tuple[list[Table], list[Goal]]:
    """HTTP without a database; on a machine with few cores, wrk takes one of them."""
    with tempfile.TemporaryDirectory(prefix="bench-growth-") as directory:
        folder = Path(directory)
        body = folder / "request.xml"
        body.write_bytes(REQUEST_XML)
        env = {"REFUND_API_KEYS": KEYS, "REFUND_API_DATABASE_URL": f"sqlite:///{folder}/never-opened.db"}
        target = "benchmarks.wsgi_targets:make_service()"
        commands = {f"{count} workers": gunicorn(target, env, workers=count) for count in (1, 2, 4)}
        with all_running(commands, folder) as servers:
            loads = load_in_turn(
                list(servers), effort.rounds, lambda name: load(servers[name], 16, effort.seconds, body)
            )
    return [Table("HTTP without a database, 16 connections", COLUMNS, rows(loads), drawn=COLUMNS[1])], []


NOTES: Final = (
    "Orders: the handler without HTTP; PostgreSQL does not wait for its disk here, so that the work is seen; half of "
    "the orders are cancelled before. Passengers: with SQLite, processor time. KiB: with the ledger in memory.",
)
