"""Nodes die, reload and are restarted under load, and no client notices: python -m tests.nginx.restarts [--rounds 10]

Two nodes on one PostgreSQL stand behind the shipped site. In every round one node, master and workers, is killed with
-9 and started again, both nodes are told to reload, and each node is stopped and started in turn. The load of
tests/chaos goes on through all of it. Exit status 1 when a request failed or got 3001, or when anything was lost,
refunded twice or told differently.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.chaos.check import TRY_AGAIN, read_record, unproven
from tests.chaos.kill import judge, workers_of
from tests.chaos.load import Load, Orders
from tests.chaos.report import print_figures, print_violations, progress
from tests.chaos.stage import Stage, stage
from tests.servers import Gunicorn, free_port, gunicorn

from .site import running_site

NODES = 2
WORKERS = 2
_BETWEEN = 1.0  # seconds of load between two blows


class Node:
    """A gunicorn that comes back on the same port."""

    def __init__(self, the_stage: Stage, log: Path) -> None:
        self.port = free_port()
        self._env, self._log = the_stage.env, log
        self._running: AbstractContextManager[Gunicorn] | None = None
        self._server: Gunicorn | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def server(self) -> Gunicorn:
        assert self._server is not None
        return self._server

    def start(self) -> None:
        """Wait until it listens."""
        self._running = gunicorn("wsgi:app", self._log, self._env, WORKERS, port=self.port)
        self._server = self._running.__enter__()

    def stop(self) -> None:
        """As `systemctl stop` does: SIGTERM, and wait for its requests to end."""
        if self._running is not None:
            self._running.__exit__(None, None, None)
        self._running = None

    def reload(self) -> None:
        self.server.process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """All processes at once, as when the machine fails."""
        for process in (self.server.process.pid, *workers_of(self.server)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.stop()


@contextmanager
def running(nodes: list[Node]) -> Iterator[None]:
    try:
        for node in nodes:
            node.start()
        yield
    finally:
        for node in nodes:
            node.stop()


def strike(nodes: list[Node], load: Load, orders: Orders, rounds: int) -> int:
    """How many rounds were done; fewer than asked for only when a client of the load failed."""
    for done in range(rounds):
        progress(f"round {done + 1} of {rounds}: {load.sent} requests, {load.answers} answers")
        for node in nodes:
            node.reload()
        time.sleep(_BETWEEN)
        for node in nodes:
            node.stop()
            node.start()
            time.sleep(_BETWEEN)
        killed = nodes[done % len(nodes)]
        killed.kill()
        time.sleep(_BETWEEN)
        killed.start()
        orders.refill()
        if not load.running:
            return done
    return rounds


def run(rounds: int, directory: Path) -> tuple[dict[str, int], dict[str, list[str]]]:
    """The figures and the violations by kind."""
    start = time.monotonic()
    with stage("postgres", directory) as the_stage:
        orders = Orders(the_stage)
        nodes = [Node(the_stage, directory / f"node-{number}.log") for number in range(NODES)]
        with (
            running(nodes),
            running_site(directory / "site", [node.address for node in nodes]) as site,
            Load(site, orders, the_stage.records) as load,
        ):
            done = strike(nodes, load, orders, rounds)
            load.stop()
            load.drain()
            cut = load.cut
            repeated = sum("," in line.partition('"node":"')[2].partition('"')[0] for line in site.log().splitlines())
        record = read_record(the_stage.records)
        figures, found = judge(the_stage, record)
    found["failed"] = [f"{cut} connections broke before the answer"] if cut else []
    found["try again"] = [f"request {seen.request} got 3001" for seen in record.seen if seen.code == TRY_AGAIN]
    found["no proof"] = unproven(record)
    if not repeated:
        found["no proof"].append("nginx had no request to repeat on the other node")
    first = {"seconds": round(time.monotonic() - start), "rounds": done, "asked of two nodes": repeated}
    return {**first, **figures, "failed": cut}, found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.nginx.restarts", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))  # so that the servers are stopped too
    with tempfile.TemporaryDirectory(prefix="restarts-") as name:
        figures, found = run(options.rounds, Path(name) / "stage")
    print_violations("restarts", found)
    print_figures({"through nginx": figures}, as_json=False)
    return 1 if any(found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
