"""The attack with bodies, in short: operations are counted, no time is taken."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest

from refund_api.http.formatters import formatters_for
from tests.attack.bodies import CASES, SIZE, Case, search, table
from xml_contracts.refund import ApiResult, TicketRefundRequest

READERS = {formatter.name: formatter.read for formatter in formatters_for(TicketRefundRequest, ApiResult)}
MOST_CALLS = 3.2
"""Calls for each byte, of Python and of C functions. Before containers were parsed together and names measured, up to 10."""


def calls(case: Case, size: int) -> int:
    """How many functions are called while the body is read."""
    body = case.body(size)
    read = READERS[case.format]
    read(body, "utf-8")
    counted = 0

    def count(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        read(body, "utf-8")
    finally:
        sys.setprofile(before)
    return counted


@pytest.mark.parametrize("name", CASES)
def test_a_body_costs_no_more_than_its_length(name: str) -> None:
    half, whole = calls(CASES[name], SIZE // 2), calls(CASES[name], SIZE)
    assert whole <= 2.3 * half + 2000, "as many again for as many bytes"
    assert whole <= MOST_CALLS * SIZE


@pytest.mark.parametrize("format_", READERS)
def test_the_search_puts_whole_bodies_together_that_are_never_too_large(format_: str) -> None:
    found = list(search(format_, 20, lambda case: float(len(case.unit))))
    assert len(found) == 20
    assert {case.format for case, _ in found} == {format_}
    assert all(SIZE - 200 < len(case.body()) <= SIZE for case, _ in found)


def test_a_case_that_takes_longer_than_the_goal_is_marked() -> None:
    row = {"case": "a", "format": "json", "bytes": 65536, "old_ms": None, "goal_ms": 20.0}
    fast, slow = table([{**row, "ms": 19.9}, {**row, "ms": 20.1}]).splitlines()[1:]
    assert not fast.endswith("MISSED")
    assert slow.endswith("MISSED")
