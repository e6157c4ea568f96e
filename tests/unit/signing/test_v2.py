"""The v2 scheme in the verifier: the sign names its key, covers every member, and binds no nonce."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from refund_api.signing import v2
from refund_api.signing.keys import Key, KeyRing
from refund_api.signing.verifier import Cause, SignatureRejected, Verified, Verifier
from tests.fakes import signed
from tests.world import NOW
from xml_contracts.refund import BaseRequest

from . import second_contract
from .second_contract import SeatRequest

SECRET = b"a secret of a new client, long enough"
RING = KeyRing((Key("web-2026a", "v2", SECRET), Key("app-2026a", "v2", SECRET[::-1])))
VERIFIER = Verifier(RING, timedelta(seconds=300), second_contract.PATH)
REQUEST = SeatRequest(1, signed().time_stamp, 12, waggon=3, note="by the window")


def signed_by(kid: str, secret: bytes, request: SeatRequest = REQUEST) -> SeatRequest:
    return replace(request, sign=v2.sign(request, second_contract.PATH, kid, secret))


def cause_of(request: BaseRequest, verifier: Verifier = VERIFIER) -> Cause:
    with pytest.raises(SignatureRejected) as caught:
        verifier.verify(request, NOW)
    return caught.value.cause


def test_a_request_of_any_contract_is_verified_by_the_key_its_sign_names_and_needs_no_nonce() -> None:
    for key in RING.keys:
        assert VERIFIER.verify(signed_by(key.kid, key.secret), NOW) == Verified(key.kid, "v2", None)


@pytest.mark.parametrize(
    "changed", [{"waggon": 4}, {"note": None}, {"note": "by the window "}, {"berth": 7}, {"random": 13}]
)
def test_a_sign_serves_no_other_request(changed: dict[str, object]) -> None:
    request = signed_by("web-2026a", SECRET)
    assert cause_of(replace(request, **changed)) is Cause.NO_KEY_MATCHES  # type: ignore[arg-type]


def test_a_sign_serves_no_other_action() -> None:
    other_action = replace(VERIFIER, path="/api/order/cancel")
    assert cause_of(signed_by("web-2026a", SECRET), other_action) is Cause.NO_KEY_MATCHES


def test_an_unknown_kid_is_told_apart_from_a_wrong_sign_in_log_and_metric() -> None:
    assert cause_of(signed_by("gone-2025", SECRET)) is Cause.UNKNOWN_KEY
    assert cause_of(signed_by("app-2026a", SECRET)) is Cause.NO_KEY_MATCHES


def test_the_legacy_scheme_can_be_off_while_v2_is_on() -> None:
    ring = KeyRing((*RING.keys, Key("old", "legacy", SECRET)))
    verifier = Verifier(ring, timedelta(seconds=300), second_contract.PATH, {"v2"})
    assert verifier.verify(signed_by("web-2026a", SECRET), NOW).scheme == "v2"
    assert cause_of(signed(secret=SECRET), verifier) is Cause.MALFORMED
