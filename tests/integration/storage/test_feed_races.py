"""A feed for an order that is being cancelled at that moment: each comes first, and each waits for the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, select

from refund_api.domain import Order, Refusal
from refund_api.ports import Ledger
from refund_api.storage.audit import audit
from refund_api.storage.shop import importing
from refund_api.storage.shop.importing import ImportedOrder, ImportResult, import_orders
from refund_api.storage.tables import orders, passenger, refund_item
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.world import ALICE, BOB, CAROL, ORDER

from .given import at_once, book, cancel, url_of, violations

BOOKED = Order(ORDER, date(2027, 6, 1), "booked", "CNY")
PAID = {ALICE: 100, BOB: 100}
FEEDS = {
    "she is cancelled elsewhere": ImportedOrder(1, BOOKED, PAID, {ALICE}),
    "the other is cancelled elsewhere": ImportedOrder(1, BOOKED, PAID, {BOB}),
    "both are cancelled elsewhere": ImportedOrder(1, BOOKED, PAID, {ALICE, BOB}),
    "the order is ticketed": ImportedOrder(1, Order(ORDER, date(2027, 6, 1), "ticketed", "CNY"), PAID),
    "a third passenger": ImportedOrder(1, BOOKED, PAID | {CAROL: 7}),
    "another amount": ImportedOrder(1, BOOKED, {ALICE: 99}),
    "nothing new": ImportedOrder(1, BOOKED, PAID),
}
FEED_FIRST = {
    "she is cancelled elsewhere": Refusal.ALREADY_CANCELLED,
    "both are cancelled elsewhere": Refusal.ALREADY_CANCELLED,
    "the order is ticketed": Refusal.ORDER_NOT_CANCELLABLE,
}
WAIT = 10


class Gate:
    """The one that comes first opens it when it has its locks, and goes on when the other had time to wait for them."""

    def __init__(self) -> None:
        self.reached, self.may_go_on = threading.Event(), threading.Event()

    def stand(self) -> None:
        if not self.reached.is_set():
            self.reached.set()
            self.may_go_on.wait(WAIT)

    def follow(self, work: Callable[[], object]) -> object:
        self.reached.wait(WAIT)
        threading.Timer(0.2, self.may_go_on.set).start()
        return work()


@contextmanager
def import_stands_at(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    read_known = importing._known_orders

    def read_and_stand(*args: Any, **options: Any) -> Any:
        known = read_known(*args, **options)
        gate.stand()
        return known

    with monkeypatch.context() as patched:
        patched.setattr(importing, "_known_orders", read_and_stand)
        yield


def feed(engine: Engine, line: ImportedOrder) -> ImportResult:
    return import_orders(engine, [line], lambda done: None)


def assert_right(engine: Engine) -> None:
    assert violations(engine) == []
    assert audit(url_of(engine)).clean


@pytest.mark.parametrize("what", FEEDS)
def test_a_cancellation_that_waits_for_a_feed_is_judged_by_what_the_feed_said(
    engine: Engine, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    book(engine)
    gate = Gate()
    with import_stands_at(gate, monkeypatch):
        waiting = partial(gate.follow, partial(SqlUnitOfWork(engine).run, cancel))
        works: list[Callable[[], object]] = [partial(feed, engine, FEEDS[what]), waiting]
        result, answer = at_once(works)
    assert isinstance(result, ImportResult), result
    assert answer is FEED_FIRST[what] if what in FEED_FIRST else isinstance(answer, str), answer
    assert_right(engine)


@pytest.mark.parametrize("what", FEEDS)
def test_a_feed_that_waits_for_a_cancellation_finds_the_refund(engine: Engine, what: str) -> None:
    book(engine)
    gate = Gate()

    def cancel_slowly(ledger: Ledger) -> object:
        ledger.lock_order(ORDER)
        gate.stand()
        return cancel(ledger)

    waiting = partial(gate.follow, partial(feed, engine, FEEDS[what]))
    works: list[Callable[[], object]] = [partial(SqlUnitOfWork(engine).run, cancel_slowly), waiting]
    answer, result = at_once(works)
    assert isinstance(answer, str), answer
    assert isinstance(result, ImportResult), result
    assert result.refunded_by_both.count == (what in {"she is cancelled elsewhere", "both are cancelled elsewhere"})
    assert_right(engine)


def test_many_feeds_and_cancellations_at_once_leave_a_ledger_that_is_right(engine: Engine) -> None:
    numbers = [f"order-{number}" for number in range(12)]
    for number in numbers:
        book(engine, number, [ALICE, BOB, CAROL])

    def feed_all(marked: str, numbers: list[str]) -> object:
        lines = [
            ImportedOrder(1, Order(number, date(2027, 6, 1), "booked", "CNY"), {marked: 100}, {marked})
            for number in numbers
        ]
        return import_orders(engine, lines, lambda done: None)

    def cancel_all(passenger_id: str) -> object:
        return [
            SqlUnitOfWork(engine).run(partial(cancel, passengers=[passenger_id], order_number=number))
            for number in numbers
        ]

    works: list[Callable[[], object]] = [
        partial(feed_all, who, order) for who, order in ((ALICE, numbers), (BOB, numbers[::-1]))
    ]
    works += [partial(cancel_all, who) for who in (ALICE, BOB, CAROL)]
    for outcome in at_once(works):
        assert not isinstance(outcome, Exception), outcome
    with engine.connect() as connection:
        marks = select(passenger.c.order_number).where(passenger.c.cancelled_elsewhere_at.is_not(None))
        channels = len(connection.scalars(marks).all()) + len(
            connection.scalars(select(refund_item.c.order_number)).all()
        )
        assert channels == 3 * len(numbers), "each passenger has one channel"
        assert set(connection.scalars(select(orders.c.state))) == {"cancelled"}
    assert_right(engine)
