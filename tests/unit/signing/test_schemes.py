"""A scheme is a module and a row: ring and verifier take one they have never seen, and its sign can be made."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from refund_api.settings import Settings
from refund_api.signing.keys import KeyRing
from refund_api.signing.schemes import SCHEMES, Scheme
from refund_api.signing.verifier import Cause, SignatureRejected, Verified, Verifier
from tests.fakes import signed
from tests.world import NOW
from xml_contracts.refund import BaseRequest

from . import second_contract
from .second_contract import SeatRequest


def backwards(request: BaseRequest, path: str, kid: str, secret: bytes) -> str:
    return f"reverse-{secret.decode()[::-1]}-{request.random}"


RING = json.dumps({"keys": [{"kid": "new", "scheme": "reverse", "secret": "abcdefghijklmnop"}]})
REQUEST = SeatRequest(1, signed().time_stamp, 12, sign="reverse-ponmlkjihgfedcba-12")


@pytest.fixture(autouse=True)
def another_row() -> Iterator[None]:
    SCHEMES["reverse"] = Scheme(
        re.compile("reverse-[a-z]+-[0-9]+"),
        backwards,
        lambda request, path, kid: str(request.random),
        any_case=False,
        nonce=None,
        min_secret_bytes=8,
        weak_taken=False,
    )
    yield
    del SCHEMES["reverse"]


def verifier() -> Verifier:
    return Verifier(KeyRing.from_json(RING), timedelta(seconds=300), second_contract.PATH)


def test_a_new_row_is_read_from_a_ring_and_verified() -> None:
    assert verifier().verify(REQUEST, NOW) == Verified("new", "reverse", None)


def test_its_sign_in_capitals_is_another_sign() -> None:
    upper = SeatRequest(1, REQUEST.time_stamp, 12, sign="reverse-PONMLKJIHGFEDCBA-12")
    with pytest.raises(SignatureRejected):
        verifier().verify(upper, NOW)


def test_a_new_row_is_switched_on_beside_the_legacy_one() -> None:
    assert Settings().signature_schemes == SCHEMES.keys()
    assert Settings(legacy_sign=False).signature_schemes == SCHEMES.keys() - {"legacy"}


def test_a_scheme_that_is_switched_off_is_malformed() -> None:
    off = Verifier(KeyRing.from_json(RING), timedelta(seconds=300), second_contract.PATH, {"legacy"})
    with pytest.raises(SignatureRejected) as caught:
        off.verify(REQUEST, NOW)
    assert (caught.value.cause, caught.value.scheme) == (Cause.MALFORMED, None)
