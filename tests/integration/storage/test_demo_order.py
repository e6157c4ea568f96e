"""The demo order that a page offers: one that can be cancelled whole, and no real one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, update

from refund_api.storage import tables
from refund_api.storage.shop.demo_order import find_demo_order
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.world import ALICE, BOB, FAR_DAY, ORDER

from .given import book, cancel

DEMO_ORDER = "DEMO20261127000000000"


def test_it_is_given_with_all_its_passengers(any_engine: Engine) -> None:
    book(any_engine, DEMO_ORDER, [ALICE, BOB])
    book(any_engine, f"{DEMO_ORDER}2", [ALICE])
    assert find_demo_order(any_engine, FAR_DAY) == (DEMO_ORDER, [ALICE, BOB])


@pytest.mark.parametrize("number", [ORDER, "demo1", "DEM", "DEMP"])
def test_an_order_that_is_not_of_the_demo_is_never_given(any_engine: Engine, number: str) -> None:
    book(any_engine, number, [ALICE])
    assert find_demo_order(any_engine, FAR_DAY) is None


def test_one_that_cannot_be_cancelled_whole_is_not_given(any_engine: Engine) -> None:
    book(any_engine, DEMO_ORDER, [ALICE, BOB])
    assert find_demo_order(any_engine, FAR_DAY + timedelta(days=1000)) is None, "it departs too soon"
    SqlUnitOfWork(any_engine).run(lambda ledger: cancel(ledger, [ALICE], DEMO_ORDER))
    assert find_demo_order(any_engine, FAR_DAY) is None, "a passenger is refunded"
    book(any_engine, "DEMO2", [ALICE])
    assert find_demo_order(any_engine, FAR_DAY) is not None
    with any_engine.begin() as connection:
        connection.execute(update(tables.orders).values(state="ticketed"))
    assert find_demo_order(any_engine, FAR_DAY) is None, "it has tickets"
