"""The legacy scheme, against fixed values: real clients compute its sign, ledgers hold its nonces."""

from __future__ import annotations

from dataclasses import replace

from refund_api.signing import legacy
from refund_api.signing.legacy import sign_legacy
from tests.fakes import signed
from tests.world import SECRET


def test_the_example_of_a_real_client_is_reproduced() -> None:
    sign = sign_legacy(b"test-key-0001", random=12345, time_stamp="20260101000000", terminal=1)
    assert sign == "85c35ca7d83b08c5c773b7303e9a2839f0ad1327197a76a2536f5f2202797bb3"


def test_the_sign_of_a_request_covers_random_time_stamp_and_terminal_and_no_more() -> None:
    request = replace(signed(), order_number="another", sign=None)
    sign = legacy.sign(request, "/another/path", "another-kid", SECRET)
    assert sign == "a2c58dc3e4f33581142c4d98a09bf56b83d07270fae48b4a7270594df3595cd1"


def test_the_nonce_stays_what_ledgers_hold() -> None:
    assert legacy.nonce(signed()) == "bc02c7b8189f38735bd81ba2a9877d6e0b1620cf791944b3239e7579f989d0ca"


def test_every_part_of_what_is_signed_makes_another_nonce() -> None:
    requests = (signed(), signed(random=2), signed(terminal=2), replace(signed(), time_stamp="20261123081023"))
    assert len({legacy.nonce(request) for request in requests}) == 4
