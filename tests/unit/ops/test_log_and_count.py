"""What the sink of log lines makes of each event."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from refund_api.events import (
    ActionAnswered,
    Broken,
    Event,
    Happening,
    InvalidRequest,
    LedgerAway,
    RefundRecorded,
    RefundRepeated,
    Refused,
    RequestRefused,
    SignatureRejected,
)
from refund_api.ops.log_and_count import LogLines
from refund_api.rules import ShapeFault
from tests.world import CONTEXT, ORDER
from xml_contracts.reading import Problem, Skipped

DECIDED: dict[str, Any] = {
    "order_number": ORDER,
    "passengers": 1,
    "terminal": 1,
    "kid": "web",
    "scheme": "legacy",
    "attempts": 1,
}


def event(happening: Happening, *skipped: Problem) -> Event:
    return Event(
        happening=happening,
        context=CONTEXT,
        status=200,
        read_format="json",
        write_format="json",
        skipped=skipped,
        milliseconds=1.0,
    )


@pytest.mark.parametrize(
    "happening",
    [
        RefundRecorded(refund_id="7", nonce_conflict=True, **DECIDED),
        RefundRepeated(refund_id="7", nonce_conflict=True, **DECIDED),
        Refused(code=2001, nonce_conflict=True, **DECIDED),
    ],
)
def test_an_observed_conflict_of_nonces_is_logged(happening: Happening, caplog: pytest.LogCaptureFixture) -> None:
    LogLines()(event(happening))
    assert caplog.messages == ["nonce used for something else: observed, not enforced"]


@pytest.mark.parametrize(
    "happening",
    [
        RefundRecorded(refund_id="7", nonce_conflict=False, **DECIDED),
        InvalidRequest((Problem("random", ShapeFault.MISSING),)),
        ActionAnswered(1),
        RequestRefused(),
    ],
)
def test_an_ordinary_answer_leaves_no_line(happening: Happening, caplog: pytest.LogCaptureFixture) -> None:
    LogLines()(event(happening))
    assert not caplog.messages


def test_the_cause_of_a_rejected_signature_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    rejected = SignatureRejected(
        cause="malformed", scheme="legacy", order_number=ORDER, terminal=1, kid=None, clock_difference=None
    )
    LogLines()(event(rejected))
    assert caplog.messages == ["signature rejected: malformed"]


def test_a_ledger_that_is_away_is_logged_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    LogLines()(event(LedgerAway("the database is busy")))
    assert caplog.messages == ["ledger unavailable: the database is busy"]


def test_what_nobody_expected_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    error = ZeroDivisionError("secret")
    LogLines()(event(Broken(error)))
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None and record.exc_info[1] is error


def test_the_log_says_when_a_missing_member_was_there_but_out_of_order(caplog: pytest.LogCaptureFixture) -> None:
    missing = InvalidRequest((Problem("refund_passanger_ids", ShapeFault.MISSING),))
    skipped = Problem("refund_passanger_ids", Skipped.OUT_OF_ORDER, ("refund_reason",))
    LogLines()(event(missing, Problem("extra", Skipped.UNKNOWN), skipped))
    assert caplog.messages[1:] == [
        "refund_passanger_ids is missing because it was skipped: out of order: must come before refund_reason"
    ]


def test_skipped_members_are_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    out_of_order, unknown = Problem("random", Skipped.OUT_OF_ORDER, ("sign",)), Problem("kiosk", Skipped.UNKNOWN)
    LogLines()(event(ActionAnswered(1), out_of_order, unknown))
    assert caplog.messages == ["members ignored: random: out of order: must come before sign; kiosk: unknown"]
