"""The mutation fuzzer for a bounded number of requests; and that it would see a fault."""

from __future__ import annotations

from .fuzzer import Fuzzer, recorded
from .judge import MESSAGES
from .sent import from_base64, to_base64
from .target import Target


def test_no_mutated_request_breaks_a_promise_of_the_service(target: Target) -> None:
    fuzzer = Fuzzer(target, 1, recorded())
    fuzzer.run(3000)
    assert not fuzzer.misses, fuzzer.misses[0]
    assert fuzzer.statuses.total() == 3000
    assert fuzzer.statuses.keys() == {200, 400, 404, 405, 413, 415}
    assert fuzzer.codes.keys() == {*MESSAGES, 0} - {3001}
    assert fuzzer.codes[1] > 100


def test_a_request_comes_back_from_the_line_that_is_printed() -> None:
    fuzzer_line = to_base64(recorded()[0], seed=7, round=2)
    assert from_base64(fuzzer_line) == (recorded()[0], {"seed": 7, "round": 2})
