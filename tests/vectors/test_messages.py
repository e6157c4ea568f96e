"""What clients read about bad input, to the byte: clients may have come to rely on any of these texts."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from refund_api.http.formatters import formatters_for
from refund_api.rules import broken_rules, reading_problems
from refund_api.words import ignored_in_words, invalid_request
from xml_contracts.refund import ApiResult, TicketRefundRequest

Case = dict[str, Any]

CASES: list[Case] = json.loads((Path(__file__).parent / "messages" / "messages.json").read_text(encoding="utf-8"))
READ = {formatter.name: formatter.read for formatter in formatters_for(TicketRefundRequest, ApiResult)}


def bytes_of(body: dict[str, str]) -> bytes:
    return body["text"].encode() if "text" in body else base64.b64decode(body["base64"])


def told(case: Case) -> tuple[str | None, str]:
    """The message of the answer, None for a request that is right, and the words for what was skipped."""
    reading = READ[case["format"]](bytes_of(case["body"]), case["charset"])
    problems = list(reading_problems(reading))
    if reading.value is not None and not problems:
        problems = list(broken_rules(reading.value))
    return invalid_request(problems) if problems else None, ignored_in_words(reading.ignored)


@pytest.mark.parametrize("format_", READ)
def test_every_message_about_bad_input_is_the_recorded_one(format_: str) -> None:
    cases = [case for case in CASES if case["format"] == format_]
    assert len(cases) > 50
    assert [(case, told(case)[0]) for case in cases if told(case)[0] != case["message"]] == []


def test_what_xml_skips_is_told_in_the_recorded_words() -> None:
    cases = [case for case in CASES if case.get("ignored")]
    assert len(cases) > 20
    assert [(case, told(case)[1]) for case in cases if told(case)[1] != case["ignored"]] == []
