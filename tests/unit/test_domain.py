"""The rules of a cancellation."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from refund_api.domain import Cancellation, Order, Passenger, Refusal, cancelled_passengers, judge
from tests.world import ALICE, BOB, NOW, STRANGER

IDS = {ALICE, BOB}
ORDER = Order("CTT1", date(2026, 12, 25), "booked", "CNY")
BOTH = Cancellation("CTT1", frozenset({ALICE, BOB}), None)


def test_a_booked_order_far_ahead_may_be_cancelled() -> None:
    assert judge(ORDER, IDS, set(), BOTH, NOW, 30) is None


@pytest.mark.parametrize(
    ("now", "refusal"),
    [
        # The train goes on 25 December in China; day 31 before it is 24 November there, which begins at 16:00 UTC.
        (datetime(2026, 11, 24, 15, 59, 59, tzinfo=UTC), None),
        (datetime(2026, 11, 24, 16, 0, 0, tzinfo=UTC), Refusal.DEPARTS_TOO_SOON),
        (datetime(2026, 11, 24, 16, 0, 1, tzinfo=UTC), Refusal.DEPARTS_TOO_SOON),
        (datetime(2027, 1, 1, tzinfo=UTC), Refusal.DEPARTS_TOO_SOON),
    ],
)
def test_the_30_days_are_counted_in_dates_of_china(now: datetime, refusal: Refusal | None) -> None:
    assert judge(ORDER, IDS, set(), BOTH, now, 30) is refusal


@pytest.mark.parametrize(
    ("wanted", "cancelled", "state", "train_date", "refusal"),
    [
        ({ALICE, STRANGER}, {ALICE}, "ticketed", NOW.date(), Refusal.PASSENGER_NOT_IN_ORDER),
        ({ALICE, BOB}, {ALICE}, "ticketed", NOW.date(), Refusal.ALREADY_CANCELLED),
        ({BOB}, {ALICE}, "ticketed", NOW.date(), Refusal.ORDER_NOT_CANCELLABLE),
        ({BOB}, {ALICE}, "booked", NOW.date(), Refusal.DEPARTS_TOO_SOON),
    ],
)
def test_the_questions_are_asked_in_the_order_of_the_contract(
    wanted: set[str], cancelled: set[str], state: str, train_date: date, refusal: Refusal
) -> None:
    order = replace(ORDER, state=state, train_date=train_date)
    assert judge(order, IDS, cancelled, Cancellation("CTT1", frozenset(wanted), None), NOW, 30) is refusal


def test_a_passenger_is_cancelled_who_was_refunded_here_or_cancelled_elsewhere() -> None:
    passengers = {ALICE: Passenger(1), BOB: Passenger(1, cancelled_elsewhere=True), STRANGER: Passenger(1)}
    assert cancelled_passengers(passengers, {ALICE}) == {ALICE, BOB}


def test_the_set_hash_depends_on_the_set_alone() -> None:
    assert Cancellation("a", frozenset({ALICE, BOB}), "x").set_hash == BOTH.set_hash
    assert Cancellation("a", frozenset({ALICE}), None).set_hash != BOTH.set_hash


def test_the_set_hash_is_the_same_in_every_process() -> None:
    assert BOTH.set_hash == hashlib.sha256(f"{ALICE},{BOB}".encode()).hexdigest()


def test_a_leap_day_and_the_last_year_of_the_calendar_do_not_break_the_rule() -> None:
    assert judge(replace(ORDER, train_date=date(9999, 12, 31)), IDS, set(), BOTH, NOW, 30) is None
    on_leap_day = datetime(2028, 2, 29, 12, tzinfo=UTC)
    order = replace(ORDER, train_date=on_leap_day.date() + timedelta(days=31))
    assert judge(order, IDS, set(), BOTH, on_leap_day, 30) is None
