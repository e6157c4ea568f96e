"""Figures that are read when the page of metrics is asked for: build, state of the database, outbox, feed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ..ports import Clock, LedgerUnavailable
from ..storage.health import Examined
from ..storage.ledger_figures import LedgerFigures
from . import build

READY: Final = "ready"
UNFIT: Final = "unfit"
AWAY: Final = "away"


class LiveFigures(Collector):
    """`examine` and `read_figures` answer within a second; LedgerUnavailable. What cannot be read is left out."""

    def __init__(
        self, examine: Callable[[], Examined], read_figures: Callable[[], LedgerFigures], clock: Clock
    ) -> None:
        self._examine = examine
        self._read_figures = read_figures
        self._clock = clock

    def describe(self) -> list[Metric]:
        """The metrics without their figures: registering must not wait for a database."""
        return [_build(), _database(), _outbox_rows(), _outbox_oldest(), _feed_age()]

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
            yield from self._ledger()

    def _state(self) -> str:
        try:
            return UNFIT if self._examine().problems else READY
        except LedgerUnavailable:
            return AWAY

    def _ledger(self) -> Iterator[Metric]:
        try:
            figures = self._read_figures()
        except LedgerUnavailable:
            return
        rows, oldest = _outbox_rows(), _outbox_oldest()
        for state, number in figures.outbox_rows.items():
            rows.add_metric([state], number)
        oldest.add_metric([], self._age(figures.oldest_waiting) if figures.oldest_waiting else 0)
        yield from (rows, oldest)
        if figures.feed_as_of:
            feed = _feed_age()
            feed.add_metric([], self._age(figures.feed_as_of))
            yield feed

    def _age(self, then: datetime) -> float:
        return max(0.0, (self._clock() - then).total_seconds())


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


def _feed_age() -> GaugeMetricFamily:
    return GaugeMetricFamily("refund_api_feed_age_seconds", "Age of what the newest order feed tells of the shop.")
