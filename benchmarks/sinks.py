"""`python -m benchmarks.sinks`: what the sinks of events cost a whole WSGI call.

The call is that of bench-codec, with its ledger in memory. It is made with sinks and without, in rounds in turn, and
with the threads of a worker: one counts and makes the lines, another one writes them, here to /dev/null. A round takes
longer than events and lines gather, so that these threads work beside the one that answers. Two processor times are
taken: of the thread that answers, and of the whole process until nothing waits any more. At the end every call must
have been counted. Trust the differences, not the microseconds.
"""

from __future__ import annotations

import atexit
import gc
import logging
import os
import re
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
from refund_api.ops import event_queue, logging_setup, stderr_handler, worker_files
from refund_api.ops.answer_lines import log_answer
from refund_api.ops.event_queue import EventQueue
from refund_api.ops.metrics import Metrics
from refund_api.signing.keys import Key, KeyRing
from refund_api.signing.verifier import Verifier

ROUNDS: Final = 15
CALLS: Final = 4000

GOAL: Final = 0.05
"""How much longer the thread that answers may take with both sinks."""


def sinks_of_a_worker(metrics: Metrics) -> dict[str, Sequence[Sink]]:
    """Each with the queue before it that it has in a worker."""
    log, count, both = EventQueue(log_answer), EventQueue(metrics), EventQueue(log_answer, metrics)
    event_queue.start_threads()
    return {"no sink": (), "log": (log,), "metrics": (count,), "log and metrics": (both,)}


def make_metrics() -> Metrics:
    """They count in files, as in a worker of gunicorn."""
    worker_files.make_directory(None)
    atexit.register(worker_files.remove_directory)
    return Metrics(CollectorRegistry())


def counted(metrics: Metrics) -> int:
    """How many answers the page of metrics tells."""
    counts = re.findall(rb"^refund_api_requests_total\S+ (\S+)$", metrics.page(), re.MULTILINE)
    return sum(int(float(count)) for count in counts)


def make_service(sinks: Sequence[Sink]) -> Flask:
    verifier = Verifier(KeyRing((Key("bench", "legacy", SECRET),)), timedelta(seconds=300), PATH)
    handler = CancelOrder(MemoryUnitOfWork(), verifier)
    app = Flask(__name__, static_folder=None)
    edge = Edge((Endpoint.of(CANCEL, lambda: handler),), sinks, lambda: NOW, lambda: False, tuple)
    app.register_blueprint(make_blueprint(edge))
    return app


def measure(call: Callable[[], object]) -> tuple[float, float]:
    """Microseconds a call: of this thread, and of the whole process until all is counted and written."""
    thread, process = time.thread_time_ns(), time.process_time_ns()
    for _ in range(CALLS):
        call()
    in_thread = time.thread_time_ns() - thread
    time.sleep(2 * (event_queue.GATHER + stderr_handler.GATHER))  # the other threads take what waits
    return in_thread / CALLS / 1000, (time.process_time_ns() - process) / CALLS / 1000


def main() -> int:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    logging_setup.configure(logging.INFO)
    logging_setup.start_thread()
    metrics = make_metrics()
    calls = {name: wsgi_call(make_service(sinks), SAMPLES[0]) for name, sinks in sinks_of_a_worker(metrics).items()}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    gc.disable()
    for name in turns(calls, ROUNDS):
        gc.collect()  # garbage of the contender before would slow this one down
        taken[name].append(measure(calls[name]))
    assert counted(metrics) == 2 * ROUNDS * CALLS, "the metrics of two contenders"
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
