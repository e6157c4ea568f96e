"""A value that the first call makes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from refund_api.once import Once
from tests.integration.storage.given import at_once


def test_calls_at_the_same_time_get_the_value_that_one_of_them_makes() -> None:
    made: list[object] = []

    def make() -> object:
        time.sleep(0.05)
        made.append(object())
        return made[0]

    once = Once(make)
    assert at_once([once] * 4) == made * 4
    assert once() is made[0]


def test_a_value_of_none_is_made_once_too() -> None:
    made: list[None] = []
    once = Once(lambda: made.append(None))
    assert (once(), once(), len(made)) == (None, None, 1)


def test_a_failure_is_not_kept() -> None:
    outcomes: Iterator[int | Exception] = iter([ZeroDivisionError(), 7])

    def make() -> int:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    once = Once(make)
    with pytest.raises(ZeroDivisionError):
        once()
    assert once() == 7
