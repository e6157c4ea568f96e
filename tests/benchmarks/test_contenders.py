"""Who the service is measured against does the same job: the same rows, the same answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app import create_app
from benchmarks.calls import Sample, answer_of
from benchmarks.http_calls import KEYS
from benchmarks.orders import fill, order_number, passenger_ids, request_of
from benchmarks.peers.by_hand import Asked, Ledger
from benchmarks.peers.flask_cancels import make_app
from benchmarks.round_trips import round_trips
from refund_api.settings import Settings
from refund_api.storage.audit import audit
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.tables import metadata, orders
from tests.postgres import fresh_database, postgres_server
from xml_contracts import DataContractSerializer
from xml_contracts.refund import TicketRefundRequest


@contextmanager
def sqlite_database(folder: Path) -> Iterator[str]:
    yield f"sqlite:///{folder}/ledger.db"


@contextmanager
def postgres_database(folder: Path) -> Iterator[str]:
    with postgres_server() as server, fresh_database(server) as url:
        yield url


@pytest.mark.parametrize(
    ("database", "pipelined"), [(sqlite_database, False), (postgres_database, False), (postgres_database, True)]
)
def test_by_hand_an_order_is_closed_with_the_rows_of_the_service(
    database: Callable[[Path], AbstractContextManager[str]], pipelined: bool, tmp_path: Path
) -> None:
    with database(tmp_path) as url:
        fill(url, 1)
        asked = Asked(order_number(1), tuple(passenger_ids(1)), "change of plan", "0" * 64, "1" * 64)
        with closing(Ledger(url, pipelined=pipelined)) as ledger:
            refund_id = ledger.cancel(asked, datetime.now(UTC))
        assert len(refund_id) == 36
        assert rows_of(url) == {
            "orders": 1,
            "passenger": 2,
            "refund": 1,
            "refund_item": 2,
            "refund_outbox": 1,
            "request_nonce": 1,
            "feed": 1,
            "state": "cancelled",
        }
        assert [finding for finding in audit(url).findings if finding.count] == []


def rows_of(url: str) -> dict[str, int | str]:
    """Table -> how many rows it has; and the state of the only order."""
    engine = make_engine(url, threads=1)
    with engine.connect() as connection:
        counts: dict[str, int | str] = {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in metadata.tables.items()
        }
        counts["state"] = connection.execute(select(orders.c.state)).scalar_one()
    engine.dispose()
    return counts


def test_the_view_by_hand_answers_with_the_bytes_and_headers_of_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = []
    for number in (1, 2):
        url = f"sqlite:///{tmp_path}/{number}.db"
        fill(url, 1)
        monkeypatch.setenv("REFUND_API_DATABASE_URL", url)
        app = create_app(Settings(database_url=url, keys=KEYS)) if number == 1 else make_app()
        body = DataContractSerializer(TicketRefundRequest).write(request_of(1, datetime.now(UTC)))
        sample = Sample("XML", "application/xml; charset=utf-8", "application/xml", body, "application/xml")
        content, headers = answer_of(app, sample)
        head, number_and_more = content.split(b"<data>")
        answers.append((head, number_and_more[36:], sorted(headers)))
        assert rows_of(url)["refund"] == 1
    assert answers[0] == answers[1]


def test_the_relay_counts_a_round_trip_a_statement() -> None:
    trips = round_trips()
    assert trips["service"] == trips["by hand"] == 6  # BEGIN, nonce, lock, history, the write, COMMIT
    assert trips["by hand, pipelined"] == 2
