"""The decision in domain words, on a ledger in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import pytest

from refund_api.cancel.decision import Asked, Decided, NonceTaken, Recorded, Refused, Repeated, decide
from refund_api.domain import Cancellation, Nonce, Refusal
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
