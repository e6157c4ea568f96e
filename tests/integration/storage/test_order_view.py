"""What an operator is shown of an order."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Engine

from refund_api.storage.shop.order_view import PassengerView, RefundView, read_order
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.world import ALICE, BOB, CAROL, ORDER

from .given import NOW, book, cancel


def _same(time: datetime) -> datetime:
    return time


def test_an_order_is_shown_with_its_passengers_and_its_refunds_in_time(engine: Engine) -> None:
    book(engine, ORDER, [ALICE, BOB, CAROL])
    book(engine, "another", [ALICE])
    times = [NOW + timedelta(seconds=seconds) for seconds in (1, 2)]
    first, second = (
        str(SqlUnitOfWork(engine, clock=partial(_same, time)).run(partial(cancel, passengers=[one])))
        for time, one in zip(times, (CAROL, ALICE), strict=True)
    )
    view = read_order(engine, ORDER)
    assert view is not None
    assert view.order.order_number == ORDER
    assert view.updated_at == NOW
    assert view.passengers == (
        PassengerView(ALICE, 100, second),
        PassengerView(BOB, 100, None),
        PassengerView(CAROL, 100, first),
    )
    assert view.refunds == tuple(
        RefundView(
            refund_id=number,
            amount_minor=100,
            currency="CNY",
            reason="plans changed é",
            recorded_at=time,
            decided_at=NOW,
            source="192.0.2.7",
            kid="legacy",
            request_id="request-1",
            outbox_state="new",
        )
        for number, time in zip((first, second), times, strict=True)
    )


def test_an_unknown_order_is_none(engine: Engine) -> None:
    assert read_order(engine, "unknown") is None


def test_only_its_own_passengers_and_refunds_are_shown(engine: Engine) -> None:
    book(engine)
    book(engine, "another", [CAROL])
    SqlUnitOfWork(engine).run(partial(cancel, order_number="another", passengers=[CAROL]))
    view = read_order(engine, ORDER)
    assert view is not None
    assert ([passenger.passenger_id for passenger in view.passengers], view.refunds) == ([ALICE, BOB], ())
