"""Expired nonces leave in batches; the others stay."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, insert, select

from refund_api.storage.purging import purge_nonces
from refund_api.storage.tables import request_nonce

from .given import NOW, ORDER


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
