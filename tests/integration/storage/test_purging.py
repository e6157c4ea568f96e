"""Expired nonces leave in batches, a transaction each, so that no request waits for more; the others stay."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine, event, insert, select

from refund_api.ports import LedgerUnavailable
from refund_api.storage.purging import purge_nonces
from refund_api.storage.tables import request_nonce
from tests.world import ORDER

from .given import NOW, count


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
