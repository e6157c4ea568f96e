"""What the line of an answer tells, and what it does not."""

from __future__ import annotations

import logging
from datetime import timedelta
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
from refund_api.ops import logging_setup
from refund_api.ops.answer_lines import fields_of, log_answer
from refund_api.ops.line import Line
from refund_api.rules import ShapeFault
from tests.unit.ops.events import DECIDED, event
from tests.world import CONTEXT, ORDER
from xml_contracts.reading import Problem, Skipped
from xml_contracts.reasons import XmlFault

REJECTED: dict[str, Any] = {"order_number": ORDER, "terminal": 1, "kid": None, "scheme": None, "clock_difference": None}
KNOWN_OF_ALL = {
    "status": 200,
    "read": "json",
    "write": "json",
    "milliseconds": 1.0,
    "source": CONTEXT.source,
    "request_id": CONTEXT.request_id,
    "traceparent": CONTEXT.traceparent,
}
DECISION = {"order": ORDER, "passengers": 1, "terminal": 1, "kid": "web", "attempts": 1}


class Lines:
    """In place of the handler: keeps each line."""

    def __init__(self) -> None:
        self.kept: list[Line] = []

    def put(self, line: Line) -> None:
        self.kept.append(line)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[Line]:
    handler = Lines()
    monkeypatch.setattr(logging_setup, "installed", handler)
    logging.getLogger("refund_api.ops.answer_lines").setLevel(logging.INFO)
    return handler.kept


@pytest.mark.parametrize(
    ("told", "name", "level", "fields"),
    [
        (
            event(RefundRecorded(refund_id="7", nonce_conflict=False, **DECIDED), code=1),
            "refund_recorded",
            "info",
            {"code": 1, "refund": "7", **DECISION},
        ),
        (
            event(RefundRepeated(refund_id="7", nonce_conflict=True, **DECIDED), code=1),
            "refund_repeated",
            "warning",
            {"code": 1, "refund": "7", "nonce_conflict": True, **DECISION},
        ),
        (
            event(Refused(code=2001, nonce_conflict=False, **DECIDED), code=2001),
            "refused",
            "info",
            {"code": 2001, **DECISION},
        ),
        (
            event(SignatureRejected(cause="malformed", **REJECTED), code=1002),
            "signature_rejected",
            "warning",
            {"code": 1002, "cause": "malformed", "order": ORDER, "terminal": 1},
        ),
        (
            event(
                SignatureRejected(
                    cause="outside the tolerance",
                    order_number=ORDER,
                    terminal=1,
                    kid="web",
                    scheme="legacy",
                    clock_difference=timedelta(seconds=-301.5),
                )
            ),
            "signature_rejected",
            "warning",
            {
                "cause": "outside the tolerance",
                "order": ORDER,
                "terminal": 1,
                "kid": "web",
                "clock_off_seconds": -301.5,
            },
        ),
        (
            event(InvalidRequest((Problem("random", ShapeFault.MISSING),)), code=1001),
            "invalid_request",
            "info",
            {"code": 1001, "problems": "random: missing"},
        ),
        (
            event(LedgerAway("the database is busy", ORDER, 1, 1, "web"), code=3001),
            "ledger_away",
            "error",
            {
                "code": 3001,
                "cause": "the database is busy",
                "order": ORDER,
                "passengers": 1,
                "terminal": 1,
                "kid": "web",
            },
        ),
        (event(LedgerAway("out of memory")), "ledger_away", "error", {"cause": "out of memory"}),
        (event(ActionAnswered(7), code=7), "action_answered", "info", {"code": 7}),
        (event(RequestRefused()), "request_refused", "info", {}),
    ],
)
def test_each_answer_has_one_line_with_what_happened(
    lines: list[Line], told: Event, name: str, level: str, fields: dict[str, Any]
) -> None:
    log_answer(told)
    (line,) = lines
    assert (line["event"], line["level"]) == (name, level)
    assert {key: line[key] for key in line.keys() - {"event", "level", "timestamp", "pid"}} == KNOWN_OF_ALL | fields


def test_what_nobody_expected_is_logged_at_once_with_its_exception(caplog: pytest.LogCaptureFixture) -> None:
    """The exception refers to the whole request, which must not wait in a queue."""
    error = ZeroDivisionError()
    log_answer(event(Broken(error)))
    (record,) = caplog.records
    assert (record.levelname, record.message) == ("ERROR", "broken")
    assert record.exc_info is not None and record.exc_info[1] is error
    assert getattr(record, "fields", None) == KNOWN_OF_ALL


def test_of_answers_below_the_level_there_is_no_line(lines: list[Line]) -> None:
    log = logging.getLogger("refund_api.ops.answer_lines")
    log.setLevel(logging.WARNING)
    try:
        log_answer(event(RequestRefused()))
        log_answer(event(SignatureRejected(cause="malformed", **REJECTED)))
    finally:
        log.setLevel(logging.INFO)
    assert [line["event"] for line in lines] == ["signature_rejected"]


def skipped_of(*skipped: Problem, read_format: str = "json") -> object:
    return fields_of(event(ActionAnswered(1), *skipped, read_format=read_format))["skipped"]


def test_the_line_of_a_missing_member_says_when_it_was_there_but_out_of_order() -> None:
    missing: Happening = InvalidRequest((Problem("refund_passanger_ids", ShapeFault.MISSING),))
    fields = fields_of(event(missing, Problem("refund_passanger_ids", Skipped.OUT_OF_ORDER, ("refund_reason",))))
    assert fields["problems"] == "refund_passanger_ids: missing"
    assert fields["skipped"] == "refund_passanger_ids: out of order: must come before refund_reason"


def test_a_name_that_is_one_word_is_told_and_the_others_are_counted() -> None:
    """A body in the wrong format reads as one long name."""
    names = ["kiosk", '{"sign":"' + "0" * 64 + '"}', "3288010f-2d18-4900-890e-68025c5c3130", "a" * 41, "a b", "k\n"]
    assert skipped_of(*(Problem(name, Skipped.UNKNOWN) for name in names)) == "kiosk: unknown; 5 unknown"
    assert skipped_of(Problem("a b", Skipped.UNKNOWN), Problem(None, Skipped.MORE_UNKNOWN, (90,))) == "91 unknown"


def test_of_a_form_no_unknown_name_is_told() -> None:
    """An `&` that was not escaped, `refund_reason=sick&tired`, makes a name of a piece of a value."""
    repeated = Problem("sign", Skipped.REPEATED_FIRST_COUNTS)
    assert skipped_of(Problem("tired", Skipped.UNKNOWN), repeated, read_format="form") == (
        "sign: repeated: the first one counts; 1 unknown"
    )


def test_problems_are_told_without_the_text_that_was_refused() -> None:
    problems = (
        Problem(None, XmlFault.TEXT_OUTSIDE_MEMBERS, ("secret",)),
        Problem("secret 1", XmlFault.NOT_WELL_FORMED, (1, 2)),
        *(Problem("random", ShapeFault.MISSING) for _ in range(12)),
    )
    told = fields_of(event(InvalidRequest(problems)))["problems"]
    assert told == "text outside the members; not well-formed XML; " + "random: missing; " * 8 + "and 4 more"
