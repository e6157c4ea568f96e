"""The canonical bytes: the same for every wire format, different for different requests, and never other ones."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import fields, replace

import pytest

from refund_api.signing.canonical import canonical_bytes
from tests.fakes import signed
from xml_contracts.refund import Terminal, TicketRefundRequest

from .second_contract import Berth, SeatRequest

PATH = "/api/order/cancel"


def canonical(request: TicketRefundRequest) -> bytes:
    return canonical_bytes(request, PATH, "web")


def test_the_bytes_of_a_request_stay_what_clients_sign_and_the_ledger_holds() -> None:
    assert canonical_bytes(signed(), PATH, "web") == (
        b"OC-HMAC-SHA256-V2\nPOST\n/api/order/cancel\nweb\n"
        b"order_number=20:CTT20261123011807591\nrandom=5:12345\n"
        b"refund_passanger_ids=36:3288010f-2d18-4900-890e-68025c5c3130\nrefund_reason=13:plans changed\n"
        b"terminal=1:1\ntime_stamp=14:20261123081022\n"
    )


def test_null_a_negative_number_and_text_outside_ascii_have_their_spelling() -> None:
    request = replace(signed(), refund_reason=None, order_number="é\r\n𝄞", random=-5)
    assert canonical_bytes(request, PATH, "") == (
        b"OC-HMAC-SHA256-V2\nPOST\n/api/order/cancel\n\n"
        b"order_number=7:\xc3\xa9\n\xf0\x9d\x84\x9e\nrandom=2:-5\n"
        b"refund_passanger_ids=36:3288010f-2d18-4900-890e-68025c5c3130\nrefund_reason=-\n"
        b"terminal=1:1\ntime_stamp=14:20261123081022\n"
    )


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
def test_the_bytes_tell_null_from_empty_and_take_any_new_line_for_one(reason: str | None, mac: str) -> None:
    request = TicketRefundRequest(
        terminal=Terminal.WEBPAGEEnum,
        time_stamp="20260101000000",
        random=12345,
        order_number="E2026010100001",
        refund_passanger_ids="3f2504e0-4f89-11d3-9a0c-0305e82c3301,3f2504e0-4f89-11d3-9a0c-0305e82c3302",
        refund_reason=reason,
    )
    assert hmac.new(b"test-key-0001", canonical_bytes(request, PATH, "web-2026a"), hashlib.sha256).hexdigest() == mac


@pytest.mark.parametrize("name", [f.name for f in fields(TicketRefundRequest) if f.name != "sign"])
def test_every_member_but_the_sign_changes_the_bytes(name: str) -> None:
    value = getattr(signed(), name)
    other = value + (1 if isinstance(value, int) else "1")
    assert canonical(replace(signed(), **{name: other})) != canonical(signed())


def test_the_sign_itself_is_not_signed() -> None:
    assert canonical(replace(signed(), sign=None)) == canonical(signed())


def test_path_and_kid_are_part_of_the_bytes() -> None:
    assert len({canonical_bytes(signed(), path, kid) for path in (PATH, "/") for kid in ("web", "")}) == 4


def test_no_text_can_pass_for_another_member() -> None:
    forged = replace(signed(), order_number="A", refund_reason="x\nterminal=1:1")
    assert b"order_number=1:A\n" in canonical(forged)
    assert b"refund_reason=14:x\nterminal=1:1\nterminal=1:1\n" in canonical(forged)


def test_unicode_is_not_normalised() -> None:
    assert canonical(signed(reason="é")) != canonical(signed(reason="e\u0301"))


def test_a_lone_surrogate_has_bytes_of_its_own() -> None:
    pair = canonical(signed(reason="\ud834\udd1e"))
    assert pair != canonical(signed(reason="𝄞"))
    assert b"refund_reason=6:\xed\xa0\xb4\xed\xb4\x9e\n" in pair


def test_another_contract_is_walked_in_ordinal_order_of_its_wire_names() -> None:
    request = SeatRequest(Terminal.WEBPAGEEnum, "20261123081022", 7, "sign", waggon=-12, berth=Berth.LOWER, note="上")
    assert canonical_bytes(request, "/api/seat/change", "k") == (
        b"OC-HMAC-SHA256-V2\nPOST\n/api/seat/change\nk\n"
        b"Anmerkung=3:\xe4\xb8\x8a\nberth=1:7\nrandom=1:7\nterminal=1:1\ntime_stamp=14:20261123081022\nwaggon=3:-12\n"
    )
