"""Figures that are read when the page of metrics is asked for: build, state of the database, outbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ..ports import Clock, LedgerUnavailable
from ..storage.health import Examined
from ..storage.outbox_figures import OutboxFigures
from . import build

READY: Final = "ready"
UNFIT: Final = "unfit"
AWAY: Final = "away"


class LiveFigures(Collector):
    """`examine` and `read_outbox` answer within a second; LedgerUnavailable. What cannot be read is left out."""

    def __init__(self, examine: Callable[[], Examined], read_outbox: Callable[[], OutboxFigures], clock: Clock) -> None:
        self._examine = examine
        self._read_outbox = read_outbox
        self._clock = clock

    def describe(self) -> list[Metric]:
        """The metrics without their figures: registering must not wait for a database."""
        return [_build(), _database(), _outbox_rows(), _outbox_oldest()]

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are now."""
        built = _build()
        built.add_metric([build.VERSION, build.revision() or "", build.PYTHON], 1)
        yield built
        state = self._state()
        database = _database()
        for each in (READY, UNFIT, AWAY):
            database.add_metric([each], each == state)
        yield database
        if state != AWAY:
            yield from self._outbox()

    def _state(self) -> str:
        try:
            return UNFIT if self._examine().problems else READY
        except LedgerUnavailable:
            return AWAY

    def _outbox(self) -> Iterator[Metric]:
        try:
            figures = self._read_outbox()
        except LedgerUnavailable:
            return
        rows, oldest = _outbox_rows(), _outbox_oldest()
        for state, number in figures.rows.items():
            rows.add_metric([state], number)
        age = (self._clock() - figures.oldest).total_seconds() if figures.oldest else 0.0
        oldest.add_metric([], max(0.0, age))
        yield from (rows, oldest)


def _build() -> GaugeMetricFamily:
    labels = ("version", "revision", "python")
    return GaugeMetricFamily("refund_api_build_info", "Always 1; the labels tell what runs.", labels=labels)


def _database() -> GaugeMetricFamily:
    return GaugeMetricFamily("refund_api_database_state", "1 for the state the database is in.", labels=["state"])


def _outbox_rows() -> GaugeMetricFamily:
    return GaugeMetricFamily("refund_api_outbox_rows", "Rows of the outbox, up to 100,000 a state.", labels=["state"])


def _outbox_oldest() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "refund_api_outbox_oldest_seconds", "Age of the oldest refund that is not paid out; 0: none."
    )
