"""The faults of a soak, one after the other, round and round.

Those that end workers strike the first node alone. The workers of the second node live from the start to the end, so
that what a request leaves behind in them adds up and is seen.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos import faults
from tests.chaos.kill import has_served, workers_of
from tests.chaos.stage import Stage
from tests.nginx.restarts import Node
from tests.replication import Node as Database

DOWN = 1.7  # seconds from the stop of the database to its start; with both, about two without a server
FROZEN = 4.0  # seconds; far from the 30 after which gunicorn kills a worker that does not move
_DONE = 5.0  # seconds for a worker to serve after a reload


@dataclass
class Blows:
    """Strikes when it is told to; `killed_at` has the times (time.time()) at which a worker was killed with -9."""

    stage: Stage
    struck: Node
    steady: Node
    database: Database
    killed_at: list[float] = field(default_factory=list)

    @property
    def kinds(self) -> dict[str, Callable[[], None]]:
        """What happens -> how to make it happen. It is over when the call returns."""
        return {
            "reload of a node": self.struck.reload,
            "kill -9 of a worker": self._kill_worker,
            "restart of the database": self._restart_database,
            "frozen worker": self._freeze_worker,
            "restart of a node": self._restart_node,
        }

    def _kill_worker(self) -> None:
        self.killed_at.append(time.time())
        os.kill(_one_that_serves(self.struck), signal.SIGKILL)

    def _restart_database(self) -> None:
        with faults.stopped(self.database):
            time.sleep(DOWN)
        self.stage.engine.dispose()  # its connections have died

    def _freeze_worker(self) -> None:
        with faults.process_frozen(_one_that_serves(self.steady)):
            time.sleep(FROZEN)

    def _restart_node(self) -> None:
        self.struck.stop()
        self.struck.start()


def _one_that_serves(node: Node) -> int:
    """The process id of a worker that has had a request; AssertionError when none gets one."""
    end = time.monotonic() + _DONE
    while time.monotonic() < end:
        serving = [worker for worker in workers_of(node.server) if has_served(worker)]
        if serving:
            return random.choice(serving)
        time.sleep(0.05)
    raise AssertionError("no worker of the node serves")
