"""The handler on a ledger in memory: every code, judged in the order of the contract."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from refund_api.cancel import PATH
from refund_api.cancel.handler import CancelOrder
from refund_api.domain import CANCELLED
from refund_api.http.media import Bound
from refund_api.ports import LedgerUnavailable
from refund_api.signing.keys import Key, KeyRing
from refund_api.signing.verifier import Verifier
from tests.fakes import (
    ALICE,
    BOB,
    FAR_DAY,
    NOW,
    ORDER,
    SECRET,
    STRANGER,
    FakeLedger,
    FakeUnitOfWork,
    ledger_with_order,
    origin,
    signed,
)
from xml_contracts.refund import ApiResult, TicketRefundRequest

RING = KeyRing((Key("web", "legacy", SECRET),))


def handler(unit_of_work: FakeUnitOfWork, *, enforce_nonce: bool = True) -> CancelOrder:
    return CancelOrder(unit_of_work, Verifier(RING, timedelta(seconds=300), PATH), lambda: NOW, origin, enforce_nonce)


@pytest.fixture
def unit_of_work() -> FakeUnitOfWork:
    return FakeUnitOfWork(ledger_with_order())


def answer(unit_of_work: FakeUnitOfWork, request: TicketRefundRequest) -> ApiResult:
    return handler(unit_of_work)(Bound(request))


def code(unit_of_work: FakeUnitOfWork, request: TicketRefundRequest) -> int:
    return answer(unit_of_work, request).code


def test_a_refund_is_recorded_with_all_that_was_decided(unit_of_work: FakeUnitOfWork) -> None:
    result = answer(unit_of_work, signed(ids=f"{BOB}, {ALICE.upper()} ,{BOB}"))
    (refund,) = unit_of_work.ledger.refunds
    assert result == ApiResult(1, "Cancelled", refund.refund_id)
    assert refund.items == {ALICE: 55350, BOB: 27650}
    assert (refund.amount_minor, refund.currency, refund.reason) == (83000, "CNY", "plans changed")
    assert (refund.decided_at, refund.source, refund.kid, refund.request_id) == (NOW, "192.0.2.7", "web", "request-1")


def test_currency_and_time_of_the_decision_are_those_of_the_order_and_of_the_request(
    unit_of_work: FakeUnitOfWork,
) -> None:
    orders = unit_of_work.ledger.orders
    orders[ORDER] = replace(orders[ORDER], currency="USD")
    times = iter([NOW, NOW + timedelta(seconds=9)])
    CancelOrder(unit_of_work, Verifier(RING, timedelta(seconds=300), PATH), lambda: next(times), origin)(
        Bound(signed())
    )
    (refund,) = unit_of_work.ledger.refunds
    assert (refund.currency, refund.decided_at) == ("USD", NOW)


def test_the_refund_number_is_a_lower_case_uuid4(unit_of_work: FakeUnitOfWork) -> None:
    number = answer(unit_of_work, signed()).data
    assert number is not None and number == number.lower() and number[14] == "4"


def test_the_order_is_cancelled_with_its_last_passenger_and_not_before(unit_of_work: FakeUnitOfWork) -> None:
    assert code(unit_of_work, signed(ids=ALICE)) == 1
    assert unit_of_work.ledger.orders[ORDER].state == "booked"
    assert code(unit_of_work, signed(ids=BOB, random=2)) == 1
    assert unit_of_work.ledger.orders[ORDER].state == CANCELLED


def test_a_repeat_of_the_same_bytes_and_one_signed_anew_get_the_same_number(unit_of_work: FakeUnitOfWork) -> None:
    first = answer(unit_of_work, signed(ids=f"{ALICE},{BOB}"))
    assert answer(unit_of_work, signed(ids=f"{ALICE},{BOB}")) == first
    assert answer(unit_of_work, signed(ids=f"{BOB.upper()},{ALICE}", random=99, reason=None)) == first
    assert len(unit_of_work.ledger.refunds) == 1


@pytest.mark.parametrize("ids", [f"{ALICE},{BOB}", f"{ALICE}"])
def test_a_set_that_overlaps_another_is_already_cancelled(unit_of_work: FakeUnitOfWork, ids: str) -> None:
    first = ALICE if "," in ids else f"{ALICE},{BOB}"
    assert code(unit_of_work, signed(ids=first)) == 1
    result = answer(unit_of_work, signed(ids=ids, random=2))
    assert result == ApiResult(2004, "Already cancelled", None)
    assert len(unit_of_work.ledger.refunds) == 1


@pytest.mark.parametrize(
    ("request_", "ledger", "result"),
    [
        (signed("CTT-unknown"), ledger_with_order(), ApiResult(2001, "Order not found")),
        (signed(ORDER.lower()), ledger_with_order(), ApiResult(2001, "Order not found")),
        (signed(ids=STRANGER), ledger_with_order(), ApiResult(2002, "Passenger not in this order")),
        (signed(ids=f"{ALICE},{STRANGER}"), ledger_with_order(), ApiResult(2002, "Passenger not in this order")),
        (signed(), ledger_with_order(FAR_DAY - timedelta(days=1)), ApiResult(2003, "Departs within 30 days")),
        (signed(), ledger_with_order(state="ticketed"), ApiResult(2005, "This order cannot be cancelled")),
    ],
)
def test_a_refusal_writes_the_nonce_and_nothing_else(
    request_: TicketRefundRequest, ledger: FakeLedger, result: ApiResult
) -> None:
    unit_of_work = FakeUnitOfWork(ledger)
    orders = dict(ledger.orders)
    assert answer(unit_of_work, request_) == result
    assert unit_of_work.ledger.refunds == []
    assert unit_of_work.ledger.orders == orders
    assert len(unit_of_work.ledger.nonces) == 1


def test_a_signature_used_before_cannot_serve_another_order(unit_of_work: FakeUnitOfWork) -> None:
    counted: list[tuple[str, str]] = []
    cancel = replace(handler(unit_of_work), count=lambda *event: counted.append(event))
    assert cancel(Bound(signed("CTT-unknown"))).code == 2001
    assert cancel(Bound(signed())) == ApiResult(1002, "Signature rejected", None)
    assert counted == [("signature_rejected", "nonce used for something else")]
    assert unit_of_work.ledger.refunds == []
    assert code(unit_of_work, signed("CTT-unknown")) == 2001, "the first use stays"


def test_observing_lets_a_used_nonce_pass_and_says_so(
    unit_of_work: FakeUnitOfWork, caplog: pytest.LogCaptureFixture
) -> None:
    counted: list[tuple[str, str]] = []
    cancel = replace(handler(unit_of_work, enforce_nonce=False), count=lambda *event: counted.append(event))
    assert cancel(Bound(signed("CTT-unknown"))).code == 2001
    assert counted == []
    assert cancel(Bound(signed())).code == 1
    assert "observed" in caplog.text
    assert counted == [("nonce_conflict", "observed")]


def test_every_rejected_signature_reads_the_same_and_touches_nothing(
    unit_of_work: FakeUnitOfWork, caplog: pytest.LogCaptureFixture
) -> None:
    for request in (
        replace(signed(), sign="nonsense"),
        replace(signed(), sign="0" * 64),
        signed(at=NOW - timedelta(days=1)),
        signed(secret=b"another key of thirty-two bytes."),
    ):
        assert answer(unit_of_work, request) == ApiResult(1002, "Signature rejected", None)
    assert unit_of_work.ledger == ledger_with_order()
    causes = [record.getMessage().partition(": ")[2] for record in caplog.records]
    assert causes == ["malformed", "no key matches", "outside the tolerance", "no key matches"]


def test_the_signature_is_judged_before_the_database_is_asked() -> None:
    away = FakeUnitOfWork(away=True)
    assert code(away, replace(signed(), sign="0" * 64)) == 1002
    with pytest.raises(LedgerUnavailable):
        answer(away, signed())


GUIDS_65 = ",".join(f"{n:08x}-0000-4000-8000-000000000000" for n in range(65))
TOO_FEW_OR_MANY = "refund_passanger_ids: must be 1 to 64 GUIDs separated by commas"
NOT_A_TIME = "time_stamp: must be a UTC time as yyyyMMddHHmmss"


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"order_number": None}, "order_number: missing"),
        ({"order_number": ""}, "order_number: missing"),
        ({"order_number": " \t"}, "order_number: missing"),
        ({"order_number": "x" * 65}, "order_number: longer than 64 characters"),
        ({"order_number": "a\0b"}, "order_number: has a character that is not text"),
        ({"order_number": "a\ud800"}, "order_number: has a character that is not text"),
        ({"refund_passanger_ids": None}, "refund_passanger_ids: missing"),
        ({"refund_passanger_ids": "  "}, "refund_passanger_ids: missing"),
        ({"refund_passanger_ids": "all"}, TOO_FEW_OR_MANY),
        ({"refund_passanger_ids": f"{ALICE},"}, TOO_FEW_OR_MANY),
        ({"refund_passanger_ids": f"{{{ALICE}}}"}, TOO_FEW_OR_MANY),
        ({"refund_passanger_ids": ALICE.replace("-", "")}, TOO_FEW_OR_MANY),
        ({"refund_passanger_ids": f"urn:uuid:{ALICE}"}, TOO_FEW_OR_MANY),
        ({"refund_passanger_ids": ALICE.replace("3", "３")}, TOO_FEW_OR_MANY),
        ({"refund_passanger_ids": GUIDS_65}, TOO_FEW_OR_MANY),
        ({"refund_reason": "x" * 501}, "refund_reason: longer than 500 characters"),
        ({"refund_reason": "\udfff"}, "refund_reason: has a character that is not text"),
        ({"terminal": 0}, "terminal: missing"),
        ({"terminal": 99}, "terminal: not a known terminal"),
        ({"terminal": -1}, "terminal: not a known terminal"),
        ({"random": 0}, "random: missing"),
        ({"time_stamp": None}, "time_stamp: missing"),
        ({"time_stamp": "2026112308102"}, NOT_A_TIME),
        ({"time_stamp": "202611230810222"}, NOT_A_TIME),
        ({"time_stamp": "20260230000000"}, NOT_A_TIME),
        ({"time_stamp": "00000101000000"}, NOT_A_TIME),
        ({"time_stamp": "20261123081060"}, NOT_A_TIME),
        ({"time_stamp": "20261123081022\n"}, NOT_A_TIME),
        ({"time_stamp": "２0261123081022"}, NOT_A_TIME),
        ({"sign": None}, "sign: missing"),
        ({"sign": ""}, "sign: missing"),
    ],
)
def test_a_missing_or_malformed_member_is_named(
    unit_of_work: FakeUnitOfWork, changed: dict[str, object], problem: str
) -> None:
    result = answer(unit_of_work, replace(signed(), **changed))  # type: ignore[arg-type]
    assert result == ApiResult(1001, f"Invalid request: {problem}", None)
    assert unit_of_work.ledger == ledger_with_order()


def test_every_problem_is_named_at_once(unit_of_work: FakeUnitOfWork) -> None:
    assert answer(unit_of_work, TicketRefundRequest()).message == (
        "Invalid request: order_number: missing; refund_passanger_ids: missing; time_stamp: missing; "
        "sign: missing; random: missing; terminal: missing"
    )


def test_64_passengers_are_taken_and_an_equal_one_twice_counts_once(unit_of_work: FakeUnitOfWork) -> None:
    ids = [f"{n:08x}-0000-4000-8000-000000000000" for n in range(64)]
    unit_of_work.ledger.passengers[ORDER] = dict.fromkeys(ids, 100)
    assert code(unit_of_work, signed(ids=",".join([*ids, ids[0].upper()]))) == 1
    assert len(unit_of_work.ledger.refunds[0].items) == 64


@pytest.mark.parametrize(
    ("bound", "message"),
    [
        (Bound(None), "Invalid request: there is no request in the body"),
        (Bound(None, ((None, "XML cannot be read"),)), "Invalid request: XML cannot be read"),
        (Bound(signed(), (("random", "is not a number"),)), "Invalid request: random: is not a number"),
    ],
)
def test_whatever_did_not_bind_is_invalid_even_where_the_model_survived(
    unit_of_work: FakeUnitOfWork, bound: Bound[TicketRefundRequest], message: str
) -> None:
    assert handler(unit_of_work)(bound) == ApiResult(1001, message, None)
    assert unit_of_work.ledger == ledger_with_order()


def test_the_log_says_when_a_missing_member_was_there_but_out_of_order(
    unit_of_work: FakeUnitOfWork, caplog: pytest.LogCaptureFixture
) -> None:
    ignored = (("extra", "unknown"), ("refund_passanger_ids", "out of order: must come before refund_reason"))
    result = handler(unit_of_work)(Bound(replace(signed(), refund_passanger_ids=None), ignored=ignored))
    assert result == ApiResult(1001, "Invalid request: refund_passanger_ids: missing", None)
    assert caplog.messages == [
        "refund_passanger_ids is missing because it was skipped: out of order: must come before refund_reason"
    ]
