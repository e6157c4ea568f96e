"""`python -m benchmarks.sinks`: what the sinks of events cost a whole WSGI call.

The call is that of bench-codec, with its ledger in memory. It is made with sinks and without, in short rounds in turn.
Two processor times are taken: of the thread that answers, and of the whole process, in which another thread writes the
lines, here to /dev/null. Trust the differences, not the microseconds.
"""

from __future__ import annotations

import atexit
import gc
import logging
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from flask import Flask
from prometheus_client import CollectorRegistry

from benchmarks.calls import PATH, SAMPLES, MemoryUnitOfWork, wsgi_call
from benchmarks.measure import turns
from benchmarks.samples import NOW, SECRET
from refund_api.actions import CANCEL
from refund_api.cancel.handler import CancelOrder
from refund_api.events import Sink
from refund_api.http.blueprint import make_blueprint
from refund_api.http.edge import Edge, Endpoint
from refund_api.ops import logging_setup, worker_files
from refund_api.ops.answer_lines import log_answer
from refund_api.ops.metrics import Metrics
from refund_api.ops.stderr_handler import GATHER
from refund_api.signing.keys import Key, KeyRing
from refund_api.signing.verifier import Verifier

ROUNDS: Final = 60
CALLS: Final = 150

GOAL: Final = 0.05
"""How much longer the thread that answers may take with both sinks."""


def sinks_of_a_worker() -> dict[str, Sequence[Sink]]:
    """The metrics count in files, as in a worker of gunicorn."""
    worker_files.make_directory(None)
    atexit.register(worker_files.remove_directory)
    metrics = Metrics(CollectorRegistry())
    return {"no sink": (), "log": (log_answer,), "metrics": (metrics,), "log and metrics": (log_answer, metrics)}


def make_service(sinks: Sequence[Sink]) -> Flask:
    verifier = Verifier(KeyRing((Key("bench", "legacy", SECRET),)), timedelta(seconds=300), PATH)
    handler = CancelOrder(MemoryUnitOfWork(), verifier)
    app = Flask(__name__, static_folder=None)
    edge = Edge((Endpoint.of(CANCEL, lambda: handler),), sinks, lambda: NOW, lambda: False, tuple)
    app.register_blueprint(make_blueprint(edge))
    return app


def measure(call: Callable[[], object]) -> tuple[float, float]:
    """Microseconds a call: of this thread, and of the whole process until the lines are written."""
    thread, process = time.thread_time_ns(), time.process_time_ns()
    for _ in range(CALLS):
        call()
    in_thread = time.thread_time_ns() - thread
    time.sleep(2 * GATHER)  # the other thread writes what waits
    return in_thread / CALLS / 1000, (time.process_time_ns() - process) / CALLS / 1000


def main() -> int:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    logging_setup.configure(logging.INFO)
    logging_setup.start_thread()
    calls = {name: wsgi_call(make_service(sinks), SAMPLES[0]) for name, sinks in sinks_of_a_worker().items()}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    gc.disable()
    for name in turns(calls, ROUNDS):
        gc.collect()  # garbage of the contender before would slow this one down
        taken[name].append(measure(calls[name]))
    bases = [statistics.median(column) for column in zip(*taken["no sink"], strict=True)]
    print("median µs a call              thread that answers     whole process")
    for name, figures in taken.items():
        columns = [statistics.median(column) for column in zip(*figures, strict=True)]
        shown = [f"{time_:8.1f} ({time_ / base - 1:+.1%})" for time_, base in zip(columns, bases, strict=True)]
        print(f"  {name:24}  {shown[0]:>20}  {shown[1]:>20}")
    over = columns[0] / bases[0] - 1
    print(
        f"goal: log and metrics cost the thread that answers {GOAL:.0%} at most: {'pass' if over <= GOAL else 'MISSED'}"
    )
    return 0 if over <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
