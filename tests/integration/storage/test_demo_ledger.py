"""Whose a ledger is, on both engines."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from refund_api.storage.shop.demo_ledger import Ledger, name_of, whose

from .given import book


@pytest.mark.parametrize("other", ["CTT1", "demo1", "DEM", "DEMP", "", "~"])
def test_a_ledger_is_the_demos_while_all_its_orders_are(engine: Engine, other: str) -> None:
    assert whose(engine) is Ledger.EMPTY
    book(engine, "DEMO20261127000000000")
    assert whose(engine) is Ledger.DEMO
    book(engine, other)
    assert whose(engine) is Ledger.OTHER


def test_a_ledger_has_the_name_of_its_database(engine: Engine) -> None:
    assert name_of(engine) and name_of(engine) in str(engine.url)
    assert "/" not in name_of(engine)
