"""The handler on a ledger in memory: every code, judged in the order of the contract."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from refund_api import events
from refund_api.cancel.handler import CancelOrder
from refund_api.domain import CANCELLED
from refund_api.events import Outcome
from refund_api.rules import ShapeFault
from refund_api.signing.keys import Key, KeyRing
from refund_api.signing.verifier import Verifier
from schemas.reasons import ConversionFault
from tests.fakes import FakeLedger, FakeUnitOfWork, ledger_with_order, signed
from tests.world import ALICE, BOB, CONTEXT, FAR_DAY, NOW, ORDER, SECRET, STRANGER
from xml_contracts.reading import Problem, Reading
from xml_contracts.refund import ApiResult, TicketRefundRequest

RING = KeyRing((Key("web", "legacy", SECRET),))


def handler(unit_of_work: FakeUnitOfWork, *, enforce_nonce: bool = True) -> CancelOrder:
    verifier = Verifier(RING, timedelta(seconds=300), "/api/order/cancel", frozenset(["legacy"]))
    return CancelOrder(unit_of_work, verifier, enforce_nonce)


@pytest.fixture
def unit_of_work() -> FakeUnitOfWork:
    return FakeUnitOfWork(ledger_with_order())


def outcome(unit_of_work: FakeUnitOfWork, request: TicketRefundRequest, *, enforce_nonce: bool = True) -> Outcome:
    return handler(unit_of_work, enforce_nonce=enforce_nonce)(Reading(request), CONTEXT)


def answer(unit_of_work: FakeUnitOfWork, request: TicketRefundRequest) -> ApiResult:
    result = outcome(unit_of_work, request).result
    assert isinstance(result, ApiResult)
    return result


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
    received_at = NOW + timedelta(seconds=9)
    handler(unit_of_work)(Reading(signed()), replace(CONTEXT, received_at=received_at))
    (refund,) = unit_of_work.ledger.refunds
    assert (refund.currency, refund.decided_at) == ("USD", received_at)


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
    assert code(unit_of_work, signed("CTT-unknown")) == 2001
    stolen = outcome(unit_of_work, signed())
    assert stolen.result == ApiResult(1002, "Signature rejected", None)
    assert isinstance(stolen.happening, events.SignatureRejected)
    assert (stolen.happening.cause, stolen.happening.scheme) == ("nonce used for something else", "legacy")
    assert unit_of_work.ledger.refunds == []
    assert code(unit_of_work, signed("CTT-unknown")) == 2001, "the first use stays"


def test_observing_lets_a_used_nonce_pass_and_says_so(unit_of_work: FakeUnitOfWork) -> None:
    first = outcome(unit_of_work, signed("CTT-unknown"), enforce_nonce=False).happening
    second = outcome(unit_of_work, signed(), enforce_nonce=False).happening
    assert isinstance(first, events.Refused) and not first.nonce_conflict
    assert isinstance(second, events.RefundRecorded) and second.nonce_conflict


def test_every_rejected_signature_reads_the_same_and_touches_nothing(unit_of_work: FakeUnitOfWork) -> None:
    causes = []
    for request in (
        replace(signed(), sign="nonsense"),
        replace(signed(), sign="0" * 64),
        signed(at=NOW - timedelta(days=1)),
        signed(secret=b"another key of thirty-two bytes."),
    ):
        rejected = outcome(unit_of_work, request)
        assert rejected.result == ApiResult(1002, "Signature rejected", None)
        assert isinstance(rejected.happening, events.SignatureRejected)
        causes.append((rejected.happening.cause, rejected.happening.scheme, rejected.happening.clock_difference))
    assert unit_of_work.ledger == ledger_with_order()
    on_time = timedelta()
    assert causes == [
        ("malformed", None, on_time),
        ("no key matches", "legacy", on_time),
        ("outside the tolerance", "legacy", -timedelta(days=1)),
        ("no key matches", "legacy", on_time),
    ]


def test_what_happened_is_told_with_the_answer(unit_of_work: FakeUnitOfWork) -> None:
    recorded = outcome(unit_of_work, signed())
    (refund,) = unit_of_work.ledger.refunds
    facts: dict[str, Any] = {
        "order_number": ORDER,
        "passengers": 1,
        "terminal": 1,
        "kid": "web",
        "scheme": "legacy",
        "attempts": 1,
        "nonce_conflict": False,
    }
    assert recorded.happening == events.RefundRecorded(refund_id=refund.refund_id, **facts)
    assert outcome(unit_of_work, signed()).happening == events.RefundRepeated(refund_id=refund.refund_id, **facts)
    refused = outcome(unit_of_work, signed("CTT-unknown", random=2)).happening
    assert refused == events.Refused(code=2001, **{**facts, "order_number": "CTT-unknown"})
    invalid = outcome(unit_of_work, replace(signed(), random=0)).happening
    assert invalid == events.InvalidRequest((Problem("random", ShapeFault.MISSING),))


def test_the_signature_is_judged_before_the_database_is_asked() -> None:
    away = FakeUnitOfWork(away=True)
    assert code(away, replace(signed(), sign="0" * 64)) == 1002
    assert code(away, signed()) == 3001


def test_a_ledger_that_is_away_is_told_with_what_is_known_of_the_request() -> None:
    told = outcome(FakeUnitOfWork(away=True), signed(ids=f"{ALICE},{BOB}"))
    assert told.result == ApiResult(3001, "Try again")
    assert told.happening == events.LedgerAway("the database is away", ORDER, 2, 1, "web", "legacy")


def test_a_rejected_signature_is_told_with_its_key_where_one_made_it(unit_of_work: FakeUnitOfWork) -> None:
    outcome(unit_of_work, signed())
    used, late = signed("CTT-other"), signed(at=NOW - timedelta(hours=1))
    for request, kid in ((used, "web"), (late, "web"), (replace(signed(), sign="0" * 64), None)):
        happening = outcome(unit_of_work, request).happening
        assert isinstance(happening, events.SignatureRejected)
        assert happening.kid == kid


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
    unit_of_work.ledger.paid[ORDER] = dict.fromkeys(ids, 100)
    assert code(unit_of_work, signed(ids=",".join([*ids, ids[0].upper()]))) == 1
    assert len(unit_of_work.ledger.refunds[0].items) == 64


@pytest.mark.parametrize(
    ("reading", "message"),
    [
        (Reading(None), "Invalid request: there is no request in the body"),
        (
            Reading(signed(), (Problem("random", ConversionFault.NOT_INT32),)),
            "Invalid request: random: not a 32-bit integer",
        ),
    ],
)
def test_whatever_could_not_be_read_is_invalid_even_where_the_model_survived(
    unit_of_work: FakeUnitOfWork, reading: Reading[TicketRefundRequest], message: str
) -> None:
    assert handler(unit_of_work)(reading, CONTEXT).result == ApiResult(1001, message, None)
    assert unit_of_work.ledger == ledger_with_order()


def test_the_message_of_a_train_that_leaves_too_soon_is_made_from_the_rule(unit_of_work: FakeUnitOfWork) -> None:
    lenient = replace(handler(unit_of_work), notice_days=10)
    strict = replace(handler(unit_of_work), notice_days=31)
    assert strict(Reading(signed()), CONTEXT).result == ApiResult(2003, "Departs within 31 days", None)
    unit_of_work.ledger.orders[ORDER] = replace(unit_of_work.ledger.orders[ORDER], train_date=FAR_DAY - timedelta(20))
    assert lenient(Reading(signed()), CONTEXT).result.code == 1


def test_a_feed_that_is_too_old_means_try_again_and_the_same_bytes_are_good_later(unit_of_work: FakeUnitOfWork) -> None:
    careful = replace(handler(unit_of_work), max_feed_age=timedelta(minutes=10))
    told = careful(Reading(signed()), CONTEXT)
    assert told.result == ApiResult(3001, "Try again")
    reason = "the newest order feed is of no known time: REFUND_API_MAX_FEED_AGE_SECONDS"
    assert told.happening == events.LedgerAway(reason, ORDER, 1, 1, "web", "legacy")
    unit_of_work.ledger.fed_as_of = CONTEXT.received_at
    assert careful(Reading(signed()), CONTEXT).result.code == 1
