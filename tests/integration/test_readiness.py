"""/readyz and /metrics on a database that stops, freezes, says nothing, is old or is not there."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from refund_api.ops.live_figures import LiveFigures
from refund_api.ops.metrics import Metrics
from refund_api.ops.pages import Pages, make_pages
from refund_api.ops.polled import Polled
from refund_api.storage import ledger_figures, schema
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.unit_of_work import SqlUnitOfWork
from refund_api.storage.watch import DatabaseWatch
from tests.postgres import execute
from tests.replication import Node, children_of, until
from tests.world import ALICE, BOB, NOW

from .storage.given import at_once, book, cancel

LATER = NOW + timedelta(minutes=10)


@dataclass(frozen=True)
class Watched:
    """The pages of an application on a database; nothing that was found is told a second time."""

    app: Flask

    def ready(self) -> tuple[int, str]:
        answer = self.app.test_client().get("/readyz")
        return answer.status_code, " ".join(answer.get_json()["reasons"])

    def is_ready(self) -> bool:
        return self.ready() == (200, "")

    def figures(self) -> dict[str, float]:
        """Name and labels -> value."""
        page = self.app.test_client().get("/metrics").text
        return {
            f"{sample.name}{sorted(sample.labels.values())}": sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
        }

    def state(self) -> str:
        states = ("ready", "unfit", "away")
        figures = self.figures()
        (state,) = (state for state in states if figures[f"refund_api_database_state['{state}']"])
        return state


@contextmanager
def watched(url: str) -> Iterator[Watched]:
    watch = DatabaseWatch(lambda: url)
    examine, read_figures = Polled(watch.examine, fresh_seconds=0), Polled(watch.read_figures, fresh_seconds=0)
    metrics = Metrics(LiveFigures(examine, read_figures, lambda: LATER))
    app = Flask(__name__, static_folder=None)
    app.register_blueprint(make_pages(Pages(lambda: True, examine, lambda: False, metrics.page)))
    try:
        yield Watched(app)
    finally:
        until(lambda: examine._running is None and read_figures._running is None)
        watch.engine().dispose()


def test_a_database_that_is_up_to_date_is_ready(database: str) -> None:
    with watched(database) as pages:
        until(pages.is_ready)  # the first look imports much
        assert pages.state() == "ready"


def test_a_database_without_a_ledger_is_not_ready(empty: str) -> None:
    with watched(empty) as pages:
        until(lambda: "has no ledger" in pages.ready()[1])
        assert pages.ready()[0] == 503
        assert pages.state() == "unfit"


def test_an_old_schema_is_not_ready_and_the_reason_names_the_command(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watched(database) as pages:
        until(pages.is_ready)
        monkeypatch.setattr(schema, "head", lambda: "9999")
        reason = "the database is at revision 0002, this code needs 9999: run `refund-api db upgrade`"
        assert pages.ready() == (503, reason)
        assert pages.state() == "unfit"


def test_a_table_that_is_missing_is_not_ready(postgres: str) -> None:
    with watched(postgres) as pages:
        until(pages.is_ready)
        execute(postgres, "ALTER TABLE request_nonce RENAME TO elsewhere")
        assert pages.ready() == (503, "the database is at revision 0002 but lacks the table request_nonce")


def test_a_file_that_is_gone_is_not_ready_until_it_is_back(sqlite: str) -> None:
    path = Path(sqlite.removeprefix("sqlite:///"))
    with watched(sqlite) as pages:
        until(pages.is_ready)
        path.rename(path.with_suffix(".away"))
        status, reason = pages.ready()
        assert status == 503
        assert reason.startswith(f"the database cannot be used: {path} does not exist: restore it")
        assert not path.exists()
        assert pages.state() == "away"
        path.with_suffix(".away").rename(path)
        until(pages.is_ready)


def test_a_directory_that_is_missing_is_not_ready_until_it_is_there(tmp_path: Path) -> None:
    with watched(f"sqlite:///{tmp_path}/later/refunds.db") as pages:
        assert "there is no directory" in pages.ready()[1]
        (tmp_path / "later").mkdir()
        until(lambda: "does not exist" in pages.ready()[1])


def stop(node: Node) -> Callable[[], None]:
    node.stop()
    return node.start


def freeze(node: Node) -> Callable[[], None]:
    """All processes of the server, so that connections there are and connections to come get no answer."""
    assert node.process is not None
    frozen: list[int] = []

    def thaw() -> None:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)

    for pid in (node.process.pid, *children_of(node.process.pid)):
        os.kill(pid, signal.SIGSTOP)
        frozen.append(pid)
    return thaw


@pytest.mark.parametrize("fail", [stop, freeze])
def test_a_server_that_fails_is_not_ready_and_is_ready_again_by_itself(
    node: Node, postgres: str, fail: Callable[[Node], Callable[[], None]]
) -> None:
    with watched(postgres) as pages:
        until(pages.is_ready)
        repair = fail(node)
        try:
            answers: list[Any] = at_once([pages.ready] * 8)
            assert {status for status, _ in answers} == {503}
            assert all(reason.startswith("the database cannot be used: ") for _, reason in answers), answers
            assert pages.state() == "away"
            assert not any(name.startswith("refund_api_outbox") for name in pages.figures())
        finally:
            repair()
        until(pages.is_ready)
        assert pages.state() == "ready"


def test_a_server_that_takes_a_connection_and_says_nothing_is_not_ready() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with watched(f"postgresql://refund_api@127.0.0.1:{port}/refunds") as pages:
            until(lambda: pages.ready() == (503, "the database cannot be used: no server answered in time"))


def test_the_outbox_is_told_by_state_with_the_age_of_the_oldest_that_waits(database: str) -> None:
    engine = make_engine(database, threads=1)
    orders = {"first": NOW, "second": NOW + timedelta(minutes=4), "third": NOW + timedelta(minutes=9)}
    for order, recorded_at in orders.items():
        book(engine, order)
        unit = SqlUnitOfWork(engine, clock=lambda at=recorded_at: at)  # type: ignore[misc]
        unit.run(lambda ledger, number=order: cancel(ledger, (ALICE, BOB), number))  # type: ignore[misc]
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE refund_outbox SET state = 'sent' WHERE order_number = 'first'")
    engine.dispose()
    with watched(database) as pages:
        until(pages.is_ready)
        figures = pages.figures()
    waiting = {name: value for name, value in figures.items() if name.startswith("refund_api_outbox")}
    assert waiting == {
        "refund_api_outbox_rows['new']": 2,
        "refund_api_outbox_rows['sent']": 1,
        "refund_api_outbox_rows['failed']": 0,
        "refund_api_outbox_oldest_seconds[]": 360,
    }


def test_an_empty_outbox_has_no_age(database: str) -> None:
    with watched(database) as pages:
        until(pages.is_ready)
        assert pages.figures()["refund_api_outbox_oldest_seconds[]"] == 0


def test_no_more_rows_of_a_state_are_counted_than_the_limit(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = make_engine(database, threads=1)
    for order in ("first", "second", "third"):
        book(engine, order)
        SqlUnitOfWork(engine).run(lambda ledger, number=order: cancel(ledger, (ALICE,), number))  # type: ignore[misc]
    engine.dispose()
    monkeypatch.setattr(ledger_figures, "MOST_COUNTED", 2)
    with watched(database) as pages:
        until(lambda: pages.figures().get("refund_api_outbox_rows['new']") == 2)


def test_an_outbox_that_cannot_be_read_is_left_out_and_the_rest_is_told(postgres: str) -> None:
    with watched(postgres) as pages:
        until(pages.is_ready)
        execute(postgres, "ALTER TABLE refund_outbox RENAME TO elsewhere")
        figures = pages.figures()
        assert figures["refund_api_database_state['unfit']"] == 1
        assert not any(name.startswith("refund_api_outbox") for name in figures)
