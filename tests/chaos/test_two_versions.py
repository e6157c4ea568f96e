"""The program for two versions: it finds nothing when both are this code, and its parts see what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.pairs import make_pairs, one_signature, overlapping, same_bytes, signed_anew, two_orders
from tests.chaos.recorded_ledger import Given, differing
from tests.chaos.stage import Booking
from tests.chaos.two_versions import run
from tests.conformance import bytes_of
from tests.integration.test_first_house import RECORDED
from tests.servers import ROOT

ONE, OTHER = Booking("one", ("a1", "b1", "c1")), Booking("other", ("a2", "b2", "c2"))
LINE = RECORDED[0]
BODY = bytes_of(LINE["answer"]["body"])


def test_nothing_is_found_when_both_versions_are_this_code(tmp_path: Path) -> None:
    figures, findings = run("sqlite", ROOT, 20, tmp_path)
    assert {kind: sentences for kind, sentences in findings.items() if sentences} == {}
    assert figures["requests sent"] == 40
    assert figures["refunds"] == 24, "one for a pair of each kind, but two for two orders"


@pytest.mark.parametrize(
    "given",
    [
        (503, LINE["answer"]["content_type"], BODY),
        (200, "text/plain", BODY),
        (200, None, BODY),
        (200, LINE["answer"]["content_type"], BODY + b" "),
    ],
)
def test_an_answer_that_differs_from_the_recorded_one_is_a_sentence(given: Given) -> None:
    sentence = differing("old", LINE, given)
    assert sentence is not None
    assert sentence.startswith(f"the old code answers {LINE['id']}")


def test_the_recorded_answer_is_no_finding() -> None:
    assert differing("old", LINE, (200, LINE["answer"]["content_type"], BODY)) is None


def test_a_pair_asks_for_what_only_one_server_can_be_the_first_to_do() -> None:
    first, second = same_bytes(ONE, OTHER)
    assert first is second
    first, second = signed_anew(ONE, OTHER)
    assert (first.order_number, first.passengers) == (second.order_number, second.passengers)
    assert first.sign != second.sign
    first, second = overlapping(ONE, OTHER)
    assert first.order_number == second.order_number
    assert first.passengers & second.passengers and first.passengers != second.passengers
    first, second = one_signature(ONE, OTHER)
    assert first.sign == second.sign
    assert first.order_number != second.order_number
    first, second = two_orders(ONE, OTHER)
    assert first.order_number != second.order_number and first.sign != second.sign


def test_every_kind_of_pair_has_its_turn() -> None:
    pairs = make_pairs([ONE, OTHER] * 5)
    assert len(pairs) == 5
    assert sum(first is second for first, second in pairs) == 1
