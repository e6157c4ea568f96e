"""The signature: canonical strings, key ring, verifier."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from refund_api.signing.verifier import (
    Key,
    KeyRing,
    KeyRingError,
    SignatureRejected,
    Verifier,
    canonical_v2,
    sign_legacy,
)
from tests.fakes import NOW, SECRET, signed
from xml_contracts.refund import Terminal, TicketRefundRequest

RING = KeyRing((Key("web", "legacy", SECRET),))
TOLERANCE = timedelta(seconds=300)
VERIFIER = Verifier(RING, TOLERANCE)


def test_the_example_of_a_real_client_is_reproduced() -> None:
    sign = sign_legacy(b"test-key-0001", random=12345, time_stamp="20260101000000", terminal=1)
    assert sign == "85c35ca7d83b08c5c773b7303e9a2839f0ad1327197a76a2536f5f2202797bb3"


@pytest.mark.parametrize(
    ("reason", "mac"),
    [
        ("Plans changed é,=&\n", "141d28682797ffffaeff9a388f0ccf3bda8c4157c1c4fc2a4a737ac76caf3865"),
        ("Plans changed é,=&\r\n", "141d28682797ffffaeff9a388f0ccf3bda8c4157c1c4fc2a4a737ac76caf3865"),
        ("Plans changed é,=&\r", "141d28682797ffffaeff9a388f0ccf3bda8c4157c1c4fc2a4a737ac76caf3865"),
        (None, "58b5c4948b74b507e3425b93396266e44ace83321d370e08b93069896ca3cac9"),
        ("", "da360f80bda9de8eb87280b006393918586404f58141155566ad8660435b8191"),
    ],
)
def test_the_canonical_bytes_tell_null_from_empty_and_take_any_new_line_for_one(reason: str | None, mac: str) -> None:
    request = TicketRefundRequest(
        terminal=Terminal.WEBPAGEEnum,
        time_stamp="20260101000000",
        random=12345,
        order_number="E2026010100001",
        refund_passanger_ids="3f2504e0-4f89-11d3-9a0c-0305e82c3301,3f2504e0-4f89-11d3-9a0c-0305e82c3302",
        refund_reason=reason,
    )
    assert hmac.new(b"test-key-0001", canonical_v2(request, "web-2026a"), hashlib.sha256).hexdigest() == mac


def test_a_valid_signature_tells_the_key_and_binds_a_nonce_to_the_whole_request() -> None:
    verified = VERIFIER.verify(signed(), NOW)
    other_order = VERIFIER.verify(replace(signed(), order_number="CTT2"), NOW)
    assert verified.kid == "web"
    assert verified.nonce is not None and other_order.nonce is not None
    assert verified.nonce.value == other_order.nonce.value
    assert verified.nonce.fingerprint != other_order.nonce.fingerprint
    assert verified.nonce.expires_at == NOW + TOLERANCE + timedelta(seconds=60)


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_a_nonce_outlives_its_signature_whenever_that_was_made(seconds: int) -> None:
    nonce = VERIFIER.verify(signed(at=NOW + timedelta(seconds=seconds)), NOW).nonce
    assert nonce is not None
    assert nonce.expires_at == NOW + timedelta(seconds=seconds + 300 + 60)


def test_every_part_of_what_is_signed_makes_another_nonce() -> None:
    requests = (signed(), signed(random=2), signed(terminal=2), signed(at=NOW + timedelta(seconds=1)))
    nonces = [VERIFIER.verify(request, NOW).nonce for request in requests]
    assert len({nonce.value for nonce in nonces if nonce is not None}) == 4


def test_hex_is_taken_in_either_case_and_makes_no_other_nonce() -> None:
    request = signed()
    assert request.sign is not None
    upper = VERIFIER.verify(replace(request, sign=request.sign.upper()), NOW)
    assert upper == VERIFIER.verify(request, NOW)


@pytest.mark.parametrize("seconds", [-300, 300])
def test_the_edge_of_the_tolerance_is_inside(seconds: int) -> None:
    assert VERIFIER.verify(signed(), NOW + timedelta(seconds=seconds)).kid == "web"


@pytest.mark.parametrize("seconds", [-301, 301, 86400])
def test_a_stale_or_early_time_stamp_is_rejected(seconds: int) -> None:
    with pytest.raises(SignatureRejected, match="outside the tolerance"):
        VERIFIER.verify(signed(), NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "sign",
    [
        "",
        "0" * 63,
        "0" * 65,
        "g" * 64,
        "é" * 64,
        "０" * 64,
        " " + "0" * 63,
        "0" * 64 + "\n",
        "v2.web." + "0" * 64,
        "x" * 10_000,
    ],
)
def test_a_malformed_signature_is_rejected(sign: str) -> None:
    with pytest.raises(SignatureRejected, match="malformed"):
        VERIFIER.verify(replace(signed(), sign=sign), NOW)


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
    with pytest.raises(SignatureRejected, match="no key matches"):
        VERIFIER.verify(replace(signed(), **changed), NOW)  # type: ignore[arg-type]


def test_the_legacy_scheme_can_be_turned_off() -> None:
    with pytest.raises(SignatureRejected):
        Verifier(RING, TOLERANCE, legacy=False).verify(signed(), NOW)


def test_every_active_key_of_the_ring_is_tried() -> None:
    ring = KeyRing((Key("old", "legacy", b"the key before this one, rotated"), *RING.keys))
    assert Verifier(ring, TOLERANCE).verify(signed(), NOW).kid == "web"
    assert Verifier(ring, TOLERANCE).verify(signed(secret=ring.keys[0].secret), NOW).kid == "old"


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
    with pytest.raises(SignatureRejected, match="key not active"):
        Verifier(ring, TOLERANCE).verify(signed(), NOW)


def test_an_expired_twin_does_not_hide_an_active_key() -> None:
    expired = replace(RING.keys[0], kid="expired", not_after=NOW - timedelta(days=1))
    assert Verifier(KeyRing((*RING.keys, expired)), TOLERANCE).verify(signed(), NOW).kid == "web"


def test_a_key_ring_is_read_from_json() -> None:
    ring = KeyRing.from_json(
        '{"keys": [{"kid": "web-2026a", "scheme": "legacy", "secret": "not telling",'
        ' "not_before": "2026-01-01T00:00:00+08:00", "not_after": null, "terminals": [1]}]}'
    )
    (key,) = ring.keys
    assert (key.kid, key.scheme, key.secret, key.not_after, key.terminals) == (
        "web-2026a",
        "legacy",
        b"not telling",
        None,
        frozenset({1}),
    )
    assert key.not_before == datetime(2025, 12, 31, 16, tzinfo=UTC)
    assert "not telling" not in repr(ring)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be JSON"),
        ("[]", "must be JSON"),
        ("{}", "must be JSON"),
        ('{"keys": 5}', "list of objects"),
        ('{"keys": [5]}', "list of objects"),
        ('{"keys": [{}]}', "key 1: kid"),
        ('{"keys": [{"kid": "A", "scheme": "legacy", "secret": "s"}]}', "key 1: kid"),
        ('{"keys": [{"kid": "a", "scheme": "v9", "secret": "s"}]}', "key a: scheme"),
        ('{"keys": [{"kid": "a", "scheme": "legacy", "secret": ""}]}', "key a: secret"),
        ('{"keys": [{"kid": "a", "scheme": "legacy", "secret": 5}]}', "key a: secret"),
        ('{"keys": [{"kid": "a", "scheme": "legacy", "secret": "s\\ud800"}]}', "key a: secret"),
        ("[" * 100_000, "must be JSON"),
        ('{"keys": [{"kid": "a", "scheme": "legacy", "secret": "s", "notafter": null}]}', "unknown member 'notafter'"),
        ('{"keys": [{"kid": "a", "scheme": "legacy", "secret": "s", "not_after": "2026-01-01"}]}', "key a: not_after"),
        ('{"keys": [{"kid": "a", "scheme": "legacy", "secret": "s", "not_after": 5}]}', "key a: not_after"),
        ('{"keys": [{"kid": "a", "scheme": "legacy", "secret": "s", "terminals": 1}]}', "key a: terminals"),
        ('{"keys": [{"kid": "a", "scheme": "legacy", "secret": "s", "terminals": [true]}]}', "key a: terminals"),
        (
            '{"keys": [{"kid": "a", "scheme": "legacy", "secret": "s"}, {"kid": "a", "scheme": "legacy", "secret": "t"}]}',
            "same kid",
        ),
    ],
)
def test_a_bad_key_ring_names_the_key_and_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(KeyRingError, match=message):
        KeyRing.from_json(text)
