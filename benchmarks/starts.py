"""Starts and memory: how long until a new gunicorn has answered its first request, and what a worker then holds."""

from __future__ import annotations

import re
import statistics
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.calls import PATH
from benchmarks.effort import Effort
from benchmarks.feed import empty_database
from benchmarks.http_calls import HEADERS, KEYS
from benchmarks.measure import Goal, turns
from benchmarks.orders import request_of
from benchmarks.results import Table
from benchmarks.servers import Command, Server, gunicorn, running
from tests.postgres import own_server
from tests.servers import ROOT
from xml_contracts import DataContractSerializer
from xml_contracts.refund import TicketRefundRequest

OLD, NOW, PAGES, NO_OPS = "earlier code", "now", "now, with help pages", "now, without /metrics and health"
_REQUESTS = 200  # before the memory is looked at


@dataclass(frozen=True)
class Start:
    """Seconds from the command to the first answer; MiB of the worker: resident, and its share of what is shared."""

    seconds: float
    resident: float
    share: float


def measure_starts(effort: Effort) -> tuple[list[Table], list[Goal]]:
    """One worker on PostgreSQL, beside earlier code if there is some."""
    with own_server() as server, ExitStack() as stack, tempfile.TemporaryDirectory() as directory:
        commands = {}
        for name, project, more in _variants(effort.old):
            url = stack.enter_context(empty_database(server, project))
            env = {"REFUND_API_KEYS": KEYS, "REFUND_API_TOLERANCE_SECONDS": "86400", "REFUND_API_DATABASE_URL": url}
            commands[name] = gunicorn("wsgi:app", {**env, **more}, workers=1, folder=project)
        starts: dict[str, list[Start]] = {name: [] for name in commands}
        for name in turns(commands, effort.rounds + 1):
            starts[name].append(start(commands[name], Path(directory) / "log"))
    return _report({name: _median(values[1:] or values) for name, values in starts.items()})  # the first one is cold


def _variants(old: Path | None) -> list[tuple[str, Path, Mapping[str, str]]]:
    earlier: list[tuple[str, Path, Mapping[str, str]]] = [(OLD, old.resolve(), {})] if old else []
    return [
        *earlier,
        (NOW, ROOT, {}),
        (PAGES, ROOT, {"REFUND_API_HELP": "on"}),
        (NO_OPS, ROOT, {"REFUND_API_OPS": "off"}),
    ]


def start(command: Command, log: Path) -> Start:
    """Once. AssertionError: the answer is not that the order is not there, for which the ledger was asked."""
    body = DataContractSerializer(TicketRefundRequest).write(request_of(1, datetime.now(UTC)))
    began = time.perf_counter()
    with running(command, log) as server:
        status, _, content = server.post(PATH, body, HEADERS)
        seconds = time.perf_counter() - began
        assert status == 200 and b"<code>2001</code>" in content, (status, content)
        for _ in range(_REQUESTS):
            server.post(PATH, body, HEADERS)
        return Start(seconds, *_memory(server))


def _memory(server: Server) -> tuple[float, float]:
    """MiB of the worker."""
    worker = server.processes()[1]
    sizes = dict(re.findall(r"^(\w+): +(\d+) kB", Path(f"/proc/{worker}/smaps_rollup").read_text(), re.MULTILINE))
    return int(sizes["Rss"]) / 1024, int(sizes["Pss"]) / 1024


def _median(starts: list[Start]) -> Start:
    columns = zip(*((each.seconds, each.resident, each.share) for each in starts), strict=True)
    return Start(*map(statistics.median, columns))


def _report(starts: Mapping[str, Start]) -> tuple[list[Table], list[Goal]]:
    columns = ("", "s to the first answer", "MiB resident", "MiB share")
    table_rows = tuple((name, each.seconds, each.resident, each.share) for name, each in starts.items())
    table = Table("Start and memory of one worker, PostgreSQL", columns, table_rows, drawn="MiB resident")
    if OLD not in starts:
        return [table], []
    old, now = starts[OLD], starts[NOW]
    return [table], [
        Goal("memory of a worker, times that of earlier code", now.resident / old.resident, 1.05),
        Goal("start to first answer, times that of earlier code", now.seconds / old.seconds, 1.1),
    ]
