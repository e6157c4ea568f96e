"""The mutation fuzzer for a bounded number of requests, and the lines that its failures are repeated from."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from refund_api.domain import BOOKED
from tests.world import FAR_DAY

from .fuzzer import Fuzzer, recorded
from .judge import MESSAGES
from .orders import bookings
from .requests import main
from .sent import SentRequest, from_base64, to_base64
from .signing import signed_request
from .target import Target


def test_no_mutated_request_breaks_a_promise_of_the_service(target: Target) -> None:
    fuzzer = Fuzzer(target, 1, recorded())
    fuzzer.run(3000)
    assert not fuzzer.misses, fuzzer.misses[0]
    assert fuzzer.statuses.total() == 3000
    assert fuzzer.statuses.keys() == {200, 400, 404, 405, 413, 415, 501}
    assert fuzzer.codes.keys() == {*MESSAGES, 0} - {3001}
    assert fuzzer.codes[1] > 100


def test_a_signed_request_comes_back_from_the_line_that_is_printed() -> None:
    rng = random.Random(1)
    for request in recorded()[:300]:
        signed = signed_request(rng, request, next(bookings(rng, 1)))
        again, facts = from_base64(to_base64(signed, seed=7, round=2))
        assert (again, again.signed, facts) == (signed, signed.signed, {"seed": 7, "round": 2})


def test_the_program_replays_a_request_on_the_orders_of_its_round(
    target: Target, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, booked = Fuzzer(target, 7, ()).begin(2)
    cancellable = next(booking for booking in booked[1:] if booking.state == BOOKED and booking.train_date > FAR_DAY)
    request = signed_request(random.Random(4), plain(), cancellable)
    (tmp_path / "line").write_text(to_base64(request, seed=7, round=2, number=0))
    assert main(["--replay", str(tmp_path / "line")]) == 0
    assert "Cancelled" in capsys.readouterr().out


def plain() -> SentRequest:
    """A request without anything odd, to put members into."""
    return SentRequest("POST", "/api/order/cancel", (), None)
