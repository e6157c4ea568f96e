"""Expired nonces leave in batches, a transaction each, so that no request waits for more; the others stay."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Connection, Engine, event, insert, select

from refund_api.ports import LedgerUnavailable
from refund_api.storage.audit import audit
from refund_api.storage.purging import purge_nonces, purge_reasons
from refund_api.storage.tables import metadata, refund, request_nonce
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.world import ALICE, BOB, ORDER

from .given import NOW, book, cancel, count, url_of


@pytest.mark.parametrize("batch", [3, 10, 1000])
def test_all_that_has_expired_is_purged_and_nothing_else(engine: Engine, batch: int) -> None:
    rows = [
        {"nonce": f"{number:064}", "fingerprint": "a", "order_number": ORDER, "expires_at": NOW + age}
        for number, age in enumerate([timedelta(seconds=-1)] * 10 + [timedelta(0), timedelta(seconds=1)])
    ]
    with engine.begin() as connection:
        connection.execute(insert(request_nonce), rows)
    assert purge_nonces(engine, NOW, batch) == 10
    with engine.connect() as connection:
        left = connection.scalars(select(request_nonce.c.expires_at).order_by(request_nonce.c.expires_at))
        assert list(left) == [NOW, NOW + timedelta(seconds=1)]
    assert purge_nonces(engine, NOW, batch) == 0


def add_expired(engine: Engine, many: int) -> None:
    rows = [
        {"nonce": f"{number:064}", "fingerprint": "a", "order_number": ORDER, "expires_at": NOW - timedelta(seconds=1)}
        for number in range(many)
    ]
    with engine.begin() as connection:
        connection.execute(insert(request_nonce), rows)


def test_a_batch_is_a_thousand_and_a_transaction(engine: Engine) -> None:
    add_expired(engine, 2500)
    left: list[int] = []

    @event.listens_for(engine, "commit")
    def look(connection: Connection) -> None:
        left.append(connection.exec_driver_sql("SELECT count(*) FROM request_nonce").scalar_one())

    assert purge_nonces(engine, NOW) == 2500
    event.remove(engine, "commit", look)
    assert left == [1500, 500, 0, 0]


def test_a_purge_that_is_interrupted_keeps_what_it_did(engine: Engine) -> None:
    add_expired(engine, 30)
    commits: list[int] = []

    @event.listens_for(engine, "commit")
    def lose_the_second(connection: Connection) -> None:
        commits.append(1)
        if len(commits) == 2:
            raise LedgerUnavailable("the database went away")

    with pytest.raises(LedgerUnavailable):
        purge_nonces(engine, NOW, batch=10)
    event.remove(engine, "commit", lose_the_second)
    assert count(engine, request_nonce) == 20
    assert purge_nonces(engine, NOW, batch=10) == 20


def refund_at(engine: Engine, order_number: str, at: datetime) -> None:
    book(engine, order_number)
    for passenger_id in (ALICE, BOB):
        work = partial(cancel, passengers=[passenger_id], order_number=order_number)
        SqlUnitOfWork(engine, clock=lambda: at).run(work)


def rows_without_reasons(engine: Engine) -> list[list[tuple[object, ...]]]:
    with engine.connect() as connection:
        return [
            [tuple(row) for row in connection.execute(select(*(c for c in table.columns if c is not refund.c.reason)))]
            for table in metadata.sorted_tables
        ]


@pytest.mark.parametrize("batch", [1, 3, 1000])
def test_reasons_older_than_a_time_are_removed_and_nothing_else_changes(engine: Engine, batch: int) -> None:
    for number in range(4):
        refund_at(engine, f"old-{number}", NOW - timedelta(seconds=1))
    refund_at(engine, "new", NOW)
    before = rows_without_reasons(engine)
    assert purge_reasons(engine, NOW, batch) == 8
    with engine.connect() as connection:
        reasons = list(connection.execute(select(refund.c.order_number, refund.c.reason).order_by(*refund.primary_key)))
    assert [tuple(row) for row in reasons] == [
        *[("new", "plans changed é")] * 2,
        *((f"old-{number}", None) for number in range(4) for _ in range(2)),
    ]
    assert list(map(sorted, rows_without_reasons(engine))) == list(map(sorted, before))
    assert purge_reasons(engine, NOW, batch) == 0
    assert audit(url_of(engine)).clean
