"""The verifier: which signatures hold, by which key, bound to what; and why the others do not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from refund_api.domain import Nonce
from refund_api.signing.keys import Key, KeyRing
from refund_api.signing.legacy import sign_legacy
from refund_api.signing.verifier import Cause, SignatureRejected, Verified, Verifier
from tests.fakes import signed
from tests.world import NOW, SECRET
from xml_contracts.refund import BaseRequest, Terminal

from . import second_contract
from .second_contract import SeatRequest

PATH = "/api/order/cancel"
RING = KeyRing((Key("web", "legacy", SECRET),))
TOLERANCE = timedelta(seconds=300)
VERIFIER = Verifier(RING, TOLERANCE, PATH)


def rejection(request: BaseRequest, now: datetime = NOW, verifier: Verifier = VERIFIER) -> SignatureRejected:
    with pytest.raises(SignatureRejected) as caught:
        verifier.verify(request, now)
    return caught.value


def nonce_of(request: BaseRequest, verifier: Verifier = VERIFIER) -> Nonce:
    nonce = verifier.verify(request, NOW).nonce
    assert nonce is not None
    return nonce


def test_a_valid_signature_tells_key_and_scheme_and_binds_the_nonce_that_ledgers_hold() -> None:
    nonce = Nonce(
        value="bc02c7b8189f38735bd81ba2a9877d6e0b1620cf791944b3239e7579f989d0ca",
        fingerprint="434ab5090f0b2cbf613cb1d7444c436512ead4c06a3b60d170456b19fd4d0fa3",
        expires_at=NOW + TOLERANCE + timedelta(seconds=60),
    )
    assert VERIFIER.verify(signed(), NOW) == Verified("web", "legacy", nonce)


def test_the_nonce_is_bound_to_the_whole_request() -> None:
    other_order = replace(signed(), order_number="é\r\n𝄞", refund_reason=None)
    assert nonce_of(other_order).value == nonce_of(signed()).value
    assert nonce_of(other_order).fingerprint == "acd00f30d913b210b6c28594239e7cb321d7b3a5f5ba27d4a47d27a97358fbf2"


def test_the_nonce_is_bound_to_the_action() -> None:
    other_action = Verifier(RING, TOLERANCE, "/api/ticket/refund")
    assert nonce_of(signed(), other_action).value == nonce_of(signed()).value
    assert nonce_of(signed(), other_action).fingerprint != nonce_of(signed()).fingerprint


def test_a_request_of_another_contract_is_verified_and_its_nonce_bound_to_all_its_members() -> None:
    sign = sign_legacy(SECRET, random=7, time_stamp="20261123081022", terminal=1)
    request = SeatRequest(Terminal.WEBPAGEEnum, "20261123081022", 7, sign, waggon=12, note="by the window")
    verifier = Verifier(RING, TOLERANCE, second_contract.PATH)
    assert verifier.verify(request, NOW).kid == "web"
    nonces = [nonce_of(r, verifier) for r in (request, replace(request, waggon=13), replace(request, note=None))]
    assert len({nonce.value for nonce in nonces}) == 1
    assert len({nonce.fingerprint for nonce in nonces}) == 3


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_a_nonce_outlives_its_signature_whenever_that_was_made(seconds: int) -> None:
    nonce = nonce_of(signed(at=NOW + timedelta(seconds=seconds)))
    assert nonce.expires_at == NOW + timedelta(seconds=seconds + 300 + 60)


@pytest.mark.parametrize(("seconds", "warned"), [(0, False), (300, False), (301, True), (-301, True)])
def test_a_demo_warns_of_a_time_stamp_that_others_would_reject(
    seconds: int, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    request = signed(at=NOW - timedelta(seconds=seconds))
    day = timedelta(days=1)
    assert Verifier(RING, day, PATH).verify(request, NOW) == Verifier(RING, day, PATH, warns_beyond=TOLERANCE).verify(
        request, NOW
    )
    text = "the time stamp is 301 s from now: taken, because this is a demo; a service with the tolerance of 300 s"
    assert [message.startswith(text) for message in caplog.messages] == [True] * warned


def test_hex_is_taken_in_either_case_and_makes_no_other_nonce() -> None:
    request = signed()
    assert request.sign is not None
    upper = VERIFIER.verify(replace(request, sign=request.sign.upper()), NOW)
    assert upper == VERIFIER.verify(request, NOW)


@pytest.mark.parametrize("seconds", [-300, 300])
def test_the_edge_of_the_tolerance_is_inside(seconds: int) -> None:
    assert VERIFIER.verify(signed(), NOW + timedelta(seconds=seconds)).kid == "web"


@pytest.mark.parametrize("seconds", [-301, 301, 86400])
def test_a_stale_or_early_time_stamp_is_rejected_and_tells_how_far_the_clock_was_off(seconds: int) -> None:
    rejected = rejection(signed(at=NOW + timedelta(seconds=seconds)))
    assert rejected.cause is Cause.OUTSIDE_THE_TOLERANCE
    assert rejected.clock_difference == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "sign",
    [
        None,
        "",
        "0" * 63,
        "0" * 65,
        "g" * 64,
        "é" * 64,
        "０" * 64,
        "\ud800" * 64,
        " " + "0" * 63,
        "0" * 64 + "\n",
        "v3.web." + "0" * 64,
        "x" * 10_000,
    ],
)
def test_a_malformed_signature_is_rejected(sign: str | None) -> None:
    rejected = rejection(replace(signed(), sign=sign), NOW + timedelta(seconds=5))
    assert (rejected.cause, rejected.clock_difference) == (Cause.MALFORMED, timedelta(seconds=-5))
    assert rejected.scheme is None


@pytest.mark.parametrize("time_stamp", [None, "", "yesterday", "20260230000000", "\ud800"])
def test_a_time_stamp_that_cannot_be_read_is_malformed_and_has_no_difference(time_stamp: str | None) -> None:
    rejected = rejection(replace(signed(), time_stamp=time_stamp))
    assert (rejected.cause, rejected.clock_difference, rejected.scheme) == (Cause.MALFORMED, None, "legacy")


@pytest.mark.parametrize(
    "changed",
    [
        {"random": 12346},
        {"time_stamp": "20261123081023"},
        {"terminal": 2},
        {"sign": "0" * 64},
    ],
)
def test_a_signature_over_something_else_is_rejected(changed: dict[str, object]) -> None:
    rejected = rejection(replace(signed(), **changed))  # type: ignore[arg-type]
    assert rejected.cause is Cause.NO_KEY_MATCHES
    assert rejected.clock_difference is not None


def test_a_scheme_can_be_switched_off() -> None:
    assert rejection(signed(), verifier=Verifier(RING, TOLERANCE, PATH, frozenset())).cause is Cause.MALFORMED


def test_every_active_key_of_the_ring_is_tried() -> None:
    ring = KeyRing((Key("old", "legacy", b"the key before this one, rotated"), *RING.keys))
    verifier = Verifier(ring, TOLERANCE, PATH)
    assert verifier.verify(signed(), NOW).kid == "web"
    assert verifier.verify(signed(secret=ring.keys[0].secret), NOW).kid == "old"


@pytest.mark.parametrize(
    "limits",
    [
        {"not_before": NOW + timedelta(seconds=1)},
        {"not_after": NOW - timedelta(seconds=1)},
        {"terminals": frozenset({2})},
    ],
)
def test_a_key_outside_its_time_or_terminals_is_rejected(limits: dict[str, object]) -> None:
    ring = KeyRing((replace(RING.keys[0], **limits),))  # type: ignore[arg-type]
    assert rejection(signed(), verifier=Verifier(ring, TOLERANCE, PATH)).cause is Cause.KEY_NOT_ACTIVE


def test_an_expired_twin_does_not_hide_an_active_key() -> None:
    expired = replace(RING.keys[0], kid="expired", not_after=NOW - timedelta(days=1))
    assert Verifier(KeyRing((*RING.keys, expired)), TOLERANCE, PATH).verify(signed(), NOW).kid == "web"


def test_of_active_twins_the_last_one_of_the_ring_is_named() -> None:
    ring = KeyRing((*RING.keys, replace(RING.keys[0], kid="twin")))
    assert Verifier(ring, TOLERANCE, PATH).verify(signed(), NOW).kid == "twin"


def test_a_cause_keeps_the_word_that_log_and_metric_have() -> None:
    assert {cause.value for cause in Cause} == {
        "malformed",
        "unknown key",
        "no key matches",
        "key not active",
        "outside the tolerance",
        "nonce used for something else",
    }
