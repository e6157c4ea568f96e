"""Values that the ledgers of running services hold already: code that computes others would refund twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from refund_api.domain import Cancellation, Nonce
from refund_api.signing.keys import Key, KeyRing
from refund_api.signing.verifier import Verifier
from tests.fakes import signed
from tests.world import ALICE, BOB, NOW, ORDER, SECRET, STRANGER
from xml_contracts.refund import Terminal, TicketRefundRequest

VERIFIER = Verifier(KeyRing((Key("web", "legacy", SECRET),)), timedelta(seconds=300), "/api/order/cancel")
NONCE = "bc02c7b8189f38735bd81ba2a9877d6e0b1620cf791944b3239e7579f989d0ca"
FINGERPRINT = "434ab5090f0b2cbf613cb1d7444c436512ead4c06a3b60d170456b19fd4d0fa3"
TWO_LINES = "d06d4918b125bba972508a6705c74177114ea91707d723c213211bc062cdb977"


def nonce_of(request: TicketRefundRequest) -> Nonce:
    nonce = VERIFIER.verify(request, NOW).nonce
    assert nonce is not None
    return nonce


@pytest.mark.parametrize(
    ("passenger_ids", "set_hash"),
    [
        ({ALICE}, "d0a458508ec11b784591f910be22366ae67a8a73adeab3c218b2d66acdb8645e"),
        ({BOB}, "cb571557c2f70a986bfb54acea0abb5bdbd926b2624ee3761486bef40e8d06c6"),
        ({BOB, ALICE}, "1931cb328d34214adacb3401c5c68a1b3393f647db79f4e627f05d3cb75a8d94"),
        ({BOB, ALICE, STRANGER}, "9717a1e62ff0170a4ce328b4f97f9eb26f8f230264b97ed73339225a5318a2b5"),
    ],
)
def test_a_set_of_passengers_keeps_its_hash(passenger_ids: set[str], set_hash: str) -> None:
    assert Cancellation(ORDER, frozenset(passenger_ids), "plans changed").set_hash == set_hash


def test_a_legacy_signature_keeps_its_nonce() -> None:
    assert nonce_of(signed()) == Nonce(NONCE, FINGERPRINT, datetime(2026, 11, 23, 8, 16, 22, tzinfo=UTC))


@pytest.mark.parametrize(
    ("request_", "value"),
    [
        (signed(random=-(2**31)), "f694e3dfe5f4e86d46aa7a19c983ff71e7f3382bd8298e5afd0c9c596ed0b7a1"),
        (signed(terminal=2), "27ec671faa70d62c9f2f1965cc378f37fb938870e075350073c6af2437d13d6b"),
        (signed(at=NOW - timedelta(seconds=1)), "1adcc2f6d95ace56bd9abf97b689804091f7d460d0c9c9a42cd4ae70a4874321"),
        (signed("another order", BOB, reason=None), NONCE),
    ],
)
def test_a_nonce_is_made_of_the_terminal_the_time_and_the_random_number(
    request_: TicketRefundRequest, value: str
) -> None:
    assert nonce_of(request_).value == value


@pytest.mark.parametrize(
    ("request_", "fingerprint"),
    [
        (signed(reason=None), "5c74191ff3da9d803afe673c88994d062c0df95981c08003739c2786b07cf1a8"),
        (signed(reason=""), "32bb55c95c93584f2685c4860f60b89d458df85a7057799386c54f577700a22e"),
        (signed(reason="a\nb"), TWO_LINES),
        (signed(reason="a\r\nb"), TWO_LINES),
        (signed(reason="a\rb"), TWO_LINES),
        (signed(reason="计划有变 é 😀"), "9d50b076fc443e8a24d0436420d805fa8cbb7cd0b088499c9425bf182915d0a8"),
        (signed("订单-é 1"), "07fb6dca1a31e6f2faf8c0fbf796674e8641ab444dc07f0a6b89cd527a228ac0"),
        (signed(ids=ALICE.upper()), "2e8e4c15a2d2c9833f0bf2776aa2eb393528afe263a099173199564e1d45ad42"),
        (signed(ids=f"{BOB}, {ALICE}"), "d51de407240883b9c3c5c012cfc3ea298b9ed79dbb27d1f27c37f848f5c6c068"),
        (signed(random=-(2**31)), "416c0a853681b532c471241ad6b9c832eb63fe41eb5007afca96643d5b3566a4"),
        (signed(terminal=2), "8aaf2529e987b8236e7cc36e5327f4383ce6fc0fb5cd63bd4831db9934f606b2"),
    ],
)
def test_a_request_keeps_its_fingerprint(request_: TicketRefundRequest, fingerprint: str) -> None:
    assert nonce_of(request_).fingerprint == fingerprint


@pytest.mark.parametrize("terminal", [1, Terminal.WEBPAGEEnum])
def test_a_terminal_is_a_number_in_the_fingerprint_whether_it_was_read_as_a_name_or_not(terminal: int) -> None:
    nonce = nonce_of(replace(signed(), terminal=terminal))
    assert (nonce.value, nonce.fingerprint) == (NONCE, FINGERPRINT)


def test_the_case_of_the_signature_is_in_neither_value() -> None:
    request = signed()
    assert request.sign is not None
    assert nonce_of(replace(request, sign=request.sign.upper())) == nonce_of(request)
