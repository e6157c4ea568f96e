"""What `refunds list` reads of the ledger, on both engines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Engine

from refund_api.storage.shop.order_view import find_order_of_refund
from refund_api.storage.shop.refund_list import Chosen, ListedRefund, list_refunds
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.world import ALICE, BOB, CAROL, STRANGER

from .given import book, cancel

MIDNIGHT = datetime(2026, 11, 27, tzinfo=UTC)


def recorded(engine: Engine, passenger: str, at: datetime) -> str:
    return str(SqlUnitOfWork(engine, clock=lambda: at).run(partial(cancel, passengers=[passenger])))


def test_refunds_are_listed_by_time_and_a_day_begins_at_midnight_utc(engine: Engine) -> None:
    book(engine)
    later = recorded(engine, ALICE, MIDNIGHT)
    earlier = recorded(engine, BOB, MIDNIGHT - timedelta(microseconds=1))
    listed = list(list_refunds(engine, Chosen()))
    assert [refund.refund_id for refund in listed] == [earlier, later]
    assert listed[1] == ListedRefund(
        order_number=listed[0].order_number,
        refund_id=later,
        amount_minor=100,
        currency="CNY",
        recorded_at=MIDNIGHT,
        source="192.0.2.7",
        kid="legacy",
        request_id="request-1",
        state="new",
    )
    today = list_refunds(engine, Chosen(day=MIDNIGHT.date()))
    assert [refund.refund_id for refund in today] == [later]


def test_a_list_that_is_half_read_keeps_no_writer_waiting(engine: Engine) -> None:
    book(engine)
    first = recorded(engine, ALICE, MIDNIGHT)
    listed = list_refunds(engine, Chosen())
    assert next(listed).refund_id == first
    second = recorded(engine, BOB, MIDNIGHT + timedelta(seconds=1))
    assert list(listed) == [], "the list is of one moment"
    assert [refund.refund_id for refund in list_refunds(engine, Chosen())] == [first, second]


def test_more_refunds_than_a_batch_are_all_listed(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refund_api.storage.shop.refund_list.BATCH", 2)
    passengers = [ALICE, BOB, CAROL, STRANGER, f"1{STRANGER[1:]}"]
    book(engine, passengers=passengers)
    numbers = [recorded(engine, passenger, MIDNIGHT) for passenger in passengers]
    assert [refund.refund_id for refund in list_refunds(engine, Chosen())] == sorted(numbers)


def test_the_order_of_a_refund_is_found_by_its_number(engine: Engine) -> None:
    book(engine, "order-7")
    number = SqlUnitOfWork(engine).run(partial(cancel, order_number="order-7"))
    assert find_order_of_refund(engine, str(number)) == "order-7"
    assert find_order_of_refund(engine, "none") is None
