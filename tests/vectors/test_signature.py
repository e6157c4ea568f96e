"""The signature vectors: each wire read as the service reads it, its canonical bytes, its sign and the verdict.

The HMACs are made here with hashlib and hmac alone, so that a vector never agrees with the product by being made by it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections import Counter
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from refund_api.signing.canonical import canonical_bytes
from refund_api.signing.keys import Key, KeyRing
from refund_api.signing.schemes import SCHEMES
from refund_api.signing.verifier import Cause, SignatureRejected, Verified, Verifier
from tests.conformance import Recorder, WsgiApp, replay
from tests.wire import FORMATS
from xml_contracts.contract import contract_of
from xml_contracts.refund import TicketRefundRequest

Vector = dict[str, Any]

PATH = "/api/order/cancel"
TOLERANCE = timedelta(seconds=300)
CONTENT_TYPES = {wire_format.name: wire_format.content_type for wire_format in FORMATS}
VECTORS: dict[str, Vector] = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parent / "signature").glob("*.json"))
}


@cache
def service() -> tuple[WsgiApp, Recorder]:
    recorder = Recorder()
    return create_app(handler=recorder), recorder


def read(wire_format: str, body: str) -> TicketRefundRequest:
    """What the service reads from a body."""
    headers = [("Content-Type", CONTENT_TYPES[wire_format])]
    request = {"method": "POST", "path": PATH, "headers": headers, "body": {"text": body}}
    outcome = replay(*service(), {"answer": {}, "request": request})
    assert not outcome["invalid"]
    return TicketRefundRequest(**outcome["model"])


def with_line_feeds(members: dict[str, Any]) -> dict[str, Any]:
    """XML reads CR and CRLF as LF, JSON and forms do not."""
    return {n: v.replace("\r\n", "\n").replace("\r", "\n") if isinstance(v, str) else v for n, v in members.items()}


def members_of(request: TicketRefundRequest) -> dict[str, Any]:
    members = contract_of(TicketRefundRequest).members
    return {member.name: getattr(request, member.attribute) for member in members if member.name != "sign"}


def secret_of(vector: Vector) -> bytes:
    return base64.b64decode(vector["key_b64"], validate=True)


def right_sign(vector: Vector) -> str:
    secret, canonical = secret_of(vector), vector["canonical"].encode()
    if vector["scheme"] == "v2":
        return f"v2.{vector['kid']}.{hmac.new(secret, canonical, hashlib.sha256).hexdigest()}"
    return hmac.new(secret, hashlib.md5(canonical).hexdigest().encode(), hashlib.sha256).hexdigest()


def ring_of(vector: Vector) -> KeyRing:
    limits = dict(vector.get("limits", {}))
    for name in limits.keys() & {"not_before", "not_after"}:
        limits[name] = datetime.fromisoformat(limits[name])
    own = Key(vector["kid"], vector["scheme"], secret_of(vector), **limits)
    others = [Key(key["kid"], key["scheme"], secret_of(key)) for key in vector.get("other_keys", ())]
    return KeyRing((own, *others))


def verdict(vector: Vector, request: TicketRefundRequest) -> dict[str, Any]:
    """What the verifier says, in the words of `expect`."""
    try:
        verified = Verifier(ring_of(vector), TOLERANCE, PATH).verify(request, datetime.fromisoformat(vector["now"]))
    except SignatureRejected as rejected:
        return {"rejected": rejected.cause.value}
    assert verified == Verified(verified.kid, vector["scheme"], verified.nonce)
    nonce = verified.nonce and {"value": verified.nonce.value, "fingerprint": verified.nonce.fingerprint}
    return {"kid": verified.kid, "nonce": nonce}


@pytest.mark.parametrize("name", VECTORS)
def test_canonical_text_and_sign_of_a_vector_are_right_without_the_product(name: str) -> None:
    vector = VECTORS[name]
    assert vector["name"] == name
    assert hashlib.sha256(vector["canonical"].encode()).hexdigest() == vector["canonical_sha256"]
    assert right_sign(vector) == vector["right_sign"]
    if "kid" in vector["expect"]:
        assert vector["sign"].lower() == vector["right_sign"]


@pytest.mark.parametrize(("name", "wire_format"), [(n, f) for n, vector in VECTORS.items() for f in vector["wire"]])
def test_a_wire_is_read_signed_and_judged_as_its_vector_says(name: str, wire_format: str) -> None:
    vector = VECTORS[name]
    request = read(wire_format, vector["wire"][wire_format])
    assert with_line_feeds(members_of(request)) == with_line_feeds(vector["members"])
    assert request.sign == vector["sign"]
    if vector["scheme"] == "v2":
        assert canonical_bytes(request, PATH, vector["kid"]) == vector["canonical"].encode()
    made = SCHEMES[vector["scheme"]].sign(request, PATH, vector["kid"], secret_of(vector))
    assert made == vector["right_sign"]
    assert verdict(vector, request) == vector["expect"]


def test_the_vectors_cover_every_member_format_scheme_and_cause() -> None:
    wires = Counter(wire_format for vector in VECTORS.values() for wire_format in vector["wire"])
    assert len(VECTORS) >= 100
    assert wires.keys() == CONTENT_TYPES.keys()
    assert min(wires.values()) >= 90
    assert {vector["scheme"] for vector in VECTORS.values()} == SCHEMES.keys()
    rejections = Counter(vector["expect"].get("rejected", "verified") for vector in VECTORS.values())
    assert rejections.keys() == {"verified"} | {cause.value for cause in Cause if cause is not Cause.NONCE_TAKEN}
    altered = {f"v2-altered-{m.name.replace('_', '-')}" for m in contract_of(TicketRefundRequest).members}
    assert altered <= VECTORS.keys()
    assert {VECTORS[name]["expect"].get("rejected") for name in altered} == {"no key matches"}


@pytest.mark.parametrize(
    ("name", "sign"),
    [
        ("legacy-example", "85c35ca7d83b08c5c773b7303e9a2839f0ad1327197a76a2536f5f2202797bb3"),
        ("v2-example", "v2.web-2026a.141d28682797ffffaeff9a388f0ccf3bda8c4157c1c4fc2a4a737ac76caf3865"),
        ("v2-example-reason-null", "v2.web-2026a.58b5c4948b74b507e3425b93396266e44ace83321d370e08b93069896ca3cac9"),
        ("v2-example-reason-empty", "v2.web-2026a.da360f80bda9de8eb87280b006393918586404f58141155566ad8660435b8191"),
    ],
)
def test_the_reference_examples_keep_their_signs(name: str, sign: str) -> None:
    assert secret_of(VECTORS[name]) == b"test-key-0001"
    assert VECTORS[name]["sign"] == sign
    assert "kid" in VECTORS[name]["expect"]
