"""The line at the start: how many requests are served at a time, and whether the database allows that."""

from __future__ import annotations

import pytest

from refund_api.ports import LedgerUnavailable
from refund_api.serving import connections
from refund_api.settings import Settings
from refund_api.storage.gate import threads_for
from tests.servers import START_TIMEOUT

SERVING = "serving with 3 workers of 4 threads each"


def line(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    allowed: int | LedgerUnavailable | None,
    threads: int = threads_for(4),
) -> list[tuple[str, str]]:
    """Level and text of what is logged when the database allows so many connections."""

    def limit(engine: object, seconds: float) -> int | None:
        assert seconds == 1
        if isinstance(allowed, LedgerUnavailable):
            raise allowed
        return allowed

    monkeypatch.setattr(connections, "connection_limit", limit)
    caplog.set_level("INFO")
    connections.tell_connections(3, threads, Settings(database_url="sqlite:////never-opened.db")).join(START_TIMEOUT)
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def test_enough_connections_are_told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    expected = f"{SERVING}; the database allows 24 connections, 24 are needed"
    assert line(monkeypatch, caplog, 24) == [("INFO", expected)]


def test_too_few_are_warned_about(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    ((level, text),) = line(monkeypatch, caplog, 23)
    assert level == "WARNING"
    assert text.startswith(f"{SERVING}; the database allows only 23 connections, 24 are needed: some requests will be")
    assert text.endswith("set WEB_CONCURRENCY or REFUND_API_THREADS lower")


def test_a_file_has_nothing_to_compare(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    assert line(monkeypatch, caplog, None) == [("INFO", SERVING)]


def test_a_database_that_is_away_is_told_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = f"{SERVING}; the database could not be asked whether it allows 24 connections: connection refused"
    assert line(monkeypatch, caplog, LedgerUnavailable("connection refused")) == [("WARNING", expected)]


def test_threads_that_are_not_those_of_the_settings_are_warned_about(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    warning, size = line(monkeypatch, caplog, 100, threads=8)
    assert warning == (
        "WARNING",
        "gunicorn was given 8 threads for each worker, where 65 are right: set REFUND_API_THREADS, not --threads",
    )
    assert size == (
        "INFO",
        f"{SERVING}; the database allows 100 connections, 24 are needed",
    )
