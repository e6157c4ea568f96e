"""The decision in domain words, on a ledger in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import pytest

from refund_api.cancel.decision import Asked, Decided, FeedTooOld, NonceTaken, Recorded, Refused, Repeated, decide
from refund_api.domain import CANCELLED, Cancellation, Nonce, Refusal
from refund_api.ports import Ledger
from tests.fakes import FakeUnitOfWork, ledger_with_order
from tests.world import ALICE, BOB, NOW, ORDER

T = TypeVar("T")

ASKED = Asked(
    cancellation=Cancellation(ORDER, frozenset([ALICE]), "plans changed"),
    nonce=Nonce("n" * 64, "f" * 64, NOW + timedelta(minutes=6)),
    kid="web",
    now=NOW,
    notice_days=30,
    source="192.0.2.7",
    request_id="request-1",
)


@pytest.fixture
def unit_of_work() -> FakeUnitOfWork:
    return FakeUnitOfWork(ledger_with_order())


def test_the_first_time_is_recorded_and_the_second_repeated(unit_of_work: FakeUnitOfWork) -> None:
    first = decide(unit_of_work, ASKED)
    (refund,) = unit_of_work.ledger.refunds
    assert first == Decided(Recorded(refund.refund_id), nonce_conflict=False, attempts=1)
    assert decide(unit_of_work, ASKED) == Decided(Repeated(refund.refund_id), nonce_conflict=False, attempts=1)


def test_a_refusal_keeps_the_nonce(unit_of_work: FakeUnitOfWork) -> None:
    elsewhere = replace(ASKED, cancellation=Cancellation("CTT-unknown", frozenset([ALICE]), None))
    assert decide(unit_of_work, elsewhere).decision == Refused(Refusal.ORDER_NOT_FOUND)
    assert list(unit_of_work.ledger.nonces) == ["n" * 64]


def test_a_nonce_of_another_request_rolls_everything_back(unit_of_work: FakeUnitOfWork) -> None:
    decide(unit_of_work, ASKED)
    before = unit_of_work.ledger
    other = replace(ASKED, nonce=Nonce("n" * 64, "e" * 64, NOW), cancellation=Cancellation(ORDER, frozenset([BOB]), ""))
    assert decide(unit_of_work, other) == Decided(NonceTaken(), nonce_conflict=True, attempts=1)
    assert unit_of_work.ledger is before
    observed = decide(unit_of_work, other, enforce_nonce=False)
    assert isinstance(observed.decision, Recorded) and observed.nonce_conflict


def test_without_a_nonce_nothing_is_claimed(unit_of_work: FakeUnitOfWork) -> None:
    assert isinstance(decide(unit_of_work, replace(ASKED, nonce=None)).decision, Recorded)
    assert unit_of_work.ledger.nonces == {}


class Conflicting(FakeUnitOfWork):
    """Rolls the first run back, as a database does on a conflict, and runs the work again."""

    def run(self, work: Callable[[Ledger], T]) -> T:
        work(ledger_with_order())
        return super().run(work)


def test_a_decision_tells_how_often_its_transaction_ran() -> None:
    decided = decide(Conflicting(ledger_with_order()), ASKED)
    assert isinstance(decided.decision, Recorded)
    assert decided.attempts == 2


FRESH = replace(ASKED, max_feed_age=timedelta(hours=1))


@pytest.mark.parametrize(
    ("age", "is_too_old"), [(timedelta(hours=1), False), (timedelta(hours=1, seconds=1), True), (None, True)]
)
def test_with_a_limit_nothing_is_decided_on_a_feed_that_is_older(
    unit_of_work: FakeUnitOfWork, age: timedelta | None, is_too_old: bool
) -> None:
    as_of = unit_of_work.ledger.fed_as_of = None if age is None else NOW - age
    decision = decide(unit_of_work, FRESH).decision
    assert decision == FeedTooOld(as_of) if is_too_old else isinstance(decision, Recorded)


def test_an_order_that_an_old_feed_does_not_know_is_not_called_unknown(unit_of_work: FakeUnitOfWork) -> None:
    unknown = replace(FRESH, cancellation=Cancellation("CTT-unknown", frozenset([ALICE]), None))
    assert decide(unit_of_work, unknown).decision == FeedTooOld(None)


def test_a_refund_that_was_recorded_keeps_its_number_however_old_the_feed_is(unit_of_work: FakeUnitOfWork) -> None:
    decide(unit_of_work, ASKED)
    (refund,) = unit_of_work.ledger.refunds
    assert decide(unit_of_work, FRESH).decision == Repeated(refund.refund_id)


def test_a_passenger_cancelled_elsewhere_is_refused_and_the_rest_closes_the_order(unit_of_work: FakeUnitOfWork) -> None:
    unit_of_work.ledger.elsewhere.add(BOB)
    theirs = replace(ASKED, nonce=None, cancellation=Cancellation(ORDER, frozenset([BOB]), None))
    assert decide(unit_of_work, theirs).decision == Refused(Refusal.ALREADY_CANCELLED)
    assert isinstance(decide(unit_of_work, ASKED).decision, Recorded)
    assert unit_of_work.ledger.orders[ORDER].state == CANCELLED
