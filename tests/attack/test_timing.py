"""What the program compares is what it says; its times are its own business."""

from __future__ import annotations

import random

import pytest

from refund_api.signing.verifier import SignatureRejected, Verified
from tests.attack.timing import (
    NOW,
    VERIFIER,
    Comparison,
    Signer,
    by_chance,
    comparisons,
    digit_by_digit,
    made_by,
    request_of,
    welch_t,
    wrong_at,
)


def verdict(signer: Signer, scheme: str) -> type | str:
    request = request_of(signer, scheme, random.Random(1))
    try:
        return type(VERIFIER.verify(request, NOW))
    except SignatureRejected as rejected:
        return rejected.cause.value


@pytest.mark.parametrize("comparison", comparisons(), ids=lambda c: f"{c.scheme}: {c.name}")
def test_both_kinds_of_a_comparison_get_one_verdict(comparison: Comparison) -> None:
    verdicts = {verdict(signer, comparison.scheme) for signer in (comparison.a, comparison.b)}
    accepted = comparison.name == "the first key's, the last key's"
    assert verdicts == {Verified if accepted else "no key matches"}


@pytest.mark.parametrize("scheme", ["legacy", "v2"])
@pytest.mark.parametrize("place", [0, 63])
def test_a_sign_that_is_nearly_right_differs_in_one_digit(scheme: str, place: int) -> None:
    right, wrong, other = (
        request_of(signer, scheme, random.Random(1)).sign or ""
        for signer in (made_by("begin"), wrong_at(place), by_chance)
    )
    assert [n for n in range(64) if right[-64:][n] != wrong[-64:][n]] == [place]
    assert (right[:-64], len(right)) == (wrong[:-64], len(wrong)) == (other[:-64], len(other))


def test_t_is_how_many_standard_errors_the_means_are_apart() -> None:
    assert welch_t([1, 2, 3], [2, 4, 6]) == pytest.approx(-1.5491933)
    assert welch_t([1, 2, 3, 4], [4, 3, 2, 1]) == 0


def test_the_control_compares_as_the_right_comparison_does() -> None:
    assert digit_by_digit(b"abc", b"abc")
    assert not digit_by_digit(b"abc", b"abd")
    assert not digit_by_digit(b"abc", b"ab")
