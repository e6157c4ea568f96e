"""The sink that counts what happened, and the page of figures that Prometheus reads.

Counts of requests are added up over all workers (worker_files.py). The state of the database and of the outbox is
read when the page is asked for, by the worker that is asked (live_figures.py). docs/operations.md explains each figure.

Every label has few values: where a client, or a handler from outside, could choose a value, it counts as `other`. The
children of a labelled metric are looked up once and kept, because counting is a part of every request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product
from typing import Final, assert_never

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from xml_contracts.reading import Problem, Skipped

from ..events import Broken, Event, RefundRecorded, RefundRepeated, Refused, SignatureRejected
from ..signing.schemes import SCHEMES
from ..signing.verifier import Cause
from . import worker_files

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

NONE: Final = "none"
OTHER: Final = "other"
ACCEPTED: Final = "accepted"
_JUDGEMENTS: Final = (
    *product(SCHEMES, (ACCEPTED, *(cause.value for cause in Cause))),
    (NONE, Cause.MALFORMED.value),
    (NONE, OTHER),
)
_MOST_KINDS_OF_ANSWER: Final = 100
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

_KindOfAnswer = tuple[str | None, int | None, int]
_Count = Callable[[], None]
_Observe = Callable[[float], None]

disable_created_metrics()  # type: ignore[no-untyped-call]  # else each series has another: when it was made


class Metrics:
    """A Sink of events, for one application. `live` gives the figures that are read when the page is asked for."""

    def __init__(self, live: Collector) -> None:
        self._files = worker_files.this_worker()
        self._live = live
        self.registry = CollectorRegistry()
        self.registry.register(live)
        self._requests = self._counter("requests", "Answers sent.", "format", "code", "status")
        self._seconds = Histogram(
            "refund_api_request_seconds",
            "Seconds from the request being at hand to its answer being written.",
            ("format",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._members_ignored = self._counter("members_ignored", "Members that were passed over.", "member", "reason")
        signatures = self._counter("signatures", "Signatures that were judged.", "scheme", "result")
        conflicts = self._counter("nonce_conflicts", "Nonces that another request had used.", "mode")
        self._retries = self._counter("transaction_retries", "Further attempts of a transaction.")
        self._unexpected = self._counter("unexpected_errors", "Errors that nobody expected.")
        self._dropped = self._counter("log_lines_dropped", "Log lines that could not be written in time.")
        # These begin at 0: Prometheus sees no increase in a series that begins at 1.
        self._signatures = {judgement: signatures.labels(*judgement) for judgement in _JUDGEMENTS}
        self._enforced, self._observed = conflicts.labels("enforced"), conflicts.labels("observed")
        self._answers: dict[_KindOfAnswer, tuple[_Count, _Observe]] = {}
        self._ignored: dict[tuple[str, str], Counter] = {}
        workers = Gauge(
            "refund_api_workers", "Workers that run.", registry=self.registry, multiprocess_mode=worker_files.LIVING
        )
        workers.set(1)
        self._counter("worker_starts", "Workers that were started.").inc()

    def __call__(self, event: Event) -> None:
        """Count one answer."""
        kind = (event.read_format, event.code, event.status)
        count, observe = self._answers.get(kind) or self._answer(kind)
        count()
        observe(event.milliseconds / 1000)
        if event.skipped:
            self._count_ignored(event.skipped)
        happening = event.happening
        if isinstance(happening, (RefundRecorded, RefundRepeated, Refused)):
            self._signature(happening.scheme, ACCEPTED).inc()
            if happening.attempts > 1:
                self._retries.inc(happening.attempts - 1)
            if happening.nonce_conflict:
                self._observed.inc()
        elif isinstance(happening, SignatureRejected):
            self._signature(happening.scheme or NONE, happening.cause).inc()
            if happening.cause == Cause.NONCE_TAKEN.value:
                self._enforced.inc()
        elif isinstance(happening, Broken):
            self._unexpected.inc()

    def count_dropped_lines(self, lines: int) -> None:
        """For the log: so many lines were thrown away because nobody took them."""
        self._dropped.inc(lines)

    def page(self) -> bytes:
        """All figures in Prometheus' text format (CONTENT_TYPE), counts added up over the workers."""
        if self._files is None:
            return generate_latest(self.registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, str(self._files))  # type: ignore[no-untyped-call]
        registry.register(self._live)
        return generate_latest(registry)

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(f"refund_api_{name}", documentation, labels, registry=self.registry)

    def _answer(self, kind: _KindOfAnswer) -> tuple[_Count, _Observe]:
        """What counts answers of a kind that is seen for the first time. Past a limit, all that is new is one kind."""
        read_format, code, status = kind
        labels = (read_format or NONE, NONE if code is None else str(int(code)), str(status))
        if len(self._answers) >= _MOST_KINDS_OF_ANSWER:
            labels = (labels[0], OTHER, OTHER)
            return self._requests.labels(*labels).inc, self._seconds.labels(labels[0]).observe
        self._answers[kind] = self._requests.labels(*labels).inc, self._seconds.labels(labels[0]).observe
        return self._answers[kind]

    def _signature(self, scheme: str, result: str) -> Counter:
        return self._signatures.get((scheme, result)) or self._signatures[NONE, OTHER]

    def _count_ignored(self, skipped: Iterable[Problem]) -> None:
        for problem in skipped:
            member, reason, times = _labels(problem)
            if (member, reason) not in self._ignored:
                self._ignored[member, reason] = self._members_ignored.labels(member, reason)
            self._ignored[member, reason].inc(times)


def _labels(problem: Problem) -> tuple[str, str, int]:
    """Member and reason, and how often this was skipped. Clients choose the names of unknown members."""
    assert isinstance(problem.reason, Skipped), problem
    match problem.reason:
        case Skipped.UNKNOWN:
            return OTHER, "unknown", 1
        case Skipped.MORE_UNKNOWN:
            return OTHER, "unknown", int(problem.arguments[0])
        case Skipped.WRONG_NAMESPACE:
            return problem.member or OTHER, "wrong namespace", 1
        case Skipped.OUT_OF_ORDER:
            return problem.member or OTHER, "out of order", 1
        case Skipped.REPEATED_FIRST_COUNTS | Skipped.REPEATED_LAST_COUNTS | Skipped.REPEATED_LAST_READABLE_COUNTS:
            return problem.member or OTHER, "repeated", 1
        case other:
            assert_never(other)
