"""/openapi.json: what it says of the action, and that its examples of requests are taken.

Its examples of answers are asked of a running service in tests/e2e/test_page_samples.py.
"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from werkzeug.test import TestResponse

from app import create_app
from refund_api.actions import ACTIONS, CANCEL
from refund_api.cancel.handler import CancelOrder, Code
from refund_api.domain import Refusal
from refund_api.events import TRY_AGAIN
from refund_api.help.openapi import document
from refund_api.http.answers import ANSWERS
from refund_api.http.cors import PreflightAsked
from refund_api.settings import Settings
from refund_api.signing.keys import KeyRing
from refund_api.signing.schemes import SCHEMES
from refund_api.signing.verifier import Verifier
from tests.fakes import FakeUnitOfWork
from xml_contracts.contract import contract_of
from xml_contracts.refund import TicketRefundRequest

DOCUMENT = document(ACTIONS, Settings())
OPERATION: dict[str, Any] = DOCUMENT["paths"]["/api/order/cancel"]["post"]
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
RESPONSES: dict[str, Any] = OPERATION["responses"]
PUBLIC_SECRET = base64.b64decode("YSBwdWJsaWMga2V5IGZvciB2ZWN0b3JzLCA0MCBjaGFyYWN0ZXJzLg==").decode()
SIGNED_AT = datetime(2026, 1, 1, tzinfo=UTC)


def examples(status: str, media_type: str) -> list[Any]:
    return [example["value"] for example in RESPONSES[status]["content"][media_type]["examples"].values()]


def test_every_code_has_an_example() -> None:
    codes = {example["code"] for example in examples("200", "application/json")}
    assert codes == {code.value for code in Code} | {refusal.value for refusal in Refusal}
    assert [example["code"] for example in examples("503", "application/json")] == [TRY_AGAIN]


def test_every_way_the_framework_refuses_has_an_example() -> None:
    assert set(RESPONSES) == {"200", "400", "404", "405", "413", "415", "500", "501", "503"}
    shown = sum(len(examples(status, "application/json")) for status in RESPONSES if status not in ("200", "503"))
    refused = ANSWERS.keys() - {PreflightAsked}  # which a browser asks by itself, and no client reads
    assert shown == 10 and len(refused) == 13, "a new row of the table belongs on the page too"


def test_there_are_three_formats_to_ask_in_and_two_to_be_answered_in() -> None:
    answered = ["application/json", "application/xml"]
    assert [*OPERATION["requestBody"]["content"]] == [*answered, "application/x-www-form-urlencoded"]
    assert {tuple(response["content"]) for response in RESPONSES.values()} == {tuple(answered)}


def test_whoever_starts_here_is_led_to_the_page_that_tells_how_to_sign() -> None:
    pages = create_app(Settings(help="on")).test_client()
    assert 'id="signing"' in pages.get(OPERATION["externalDocs"]["url"]).text


def test_the_words_about_notice_follow_the_setting() -> None:
    changed = document(ACTIONS, Settings(notice_days=7))["paths"]["/api/order/cancel"]["post"]["responses"]["200"]
    assert "Departs within 7 days" in json.dumps(changed["content"])
    assert "within 7 days" in changed["description"]


def test_xml_has_the_order_and_the_namespaces_of_the_contract() -> None:
    schema = SCHEMAS["TicketRefundRequestXml"]
    contract = contract_of(TicketRefundRequest)
    assert schema["xml"] == {"name": contract.name, "namespace": contract.namespace}
    assert {name: property_["xml"]["namespace"] for name, property_ in schema["properties"].items()} == {
        member.name: member.declaring.namespace for member in contract.members
    }
    assert [*schema["properties"]] == [member.name for member in contract.members]


def test_an_enum_is_a_number_in_json_and_a_name_in_xml() -> None:
    assert SCHEMAS["TicketRefundRequest"]["properties"]["terminal"]["enum"] == [1]
    assert SCHEMAS["TicketRefundRequestXml"]["properties"]["terminal"]["enum"] == ["WEBPAGEEnum"]


def test_an_action_without_a_description_is_left_out() -> None:
    assert document((replace(CANCEL, description=None),), Settings())["paths"] == {}


@pytest.mark.parametrize("media_type", OPERATION["requestBody"]["content"])
def test_the_example_of_a_request_is_read_and_its_sign_holds(media_type: str) -> None:
    ring = {"keys": [{"kid": "web-2026a", "scheme": "v2", "secret": PUBLIC_SECRET}]}
    verifier = Verifier(KeyRing.from_json(json.dumps(ring)), timedelta(seconds=300), CANCEL.path, frozenset(SCHEMES))
    handler = CancelOrder(FakeUnitOfWork(), verifier)
    example = OPERATION["requestBody"]["content"][media_type]["example"]
    answer = ask(create_app(handler=handler, clock=lambda: SIGNED_AT).test_client(), media_type, example)
    assert answer.get_json()["code"] == Refusal.ORDER_NOT_FOUND.value, "so it was read, and its signature verified"


def ask(client: Any, media_type: str, example: Any) -> TestResponse:
    if media_type == "application/json":
        body = json.dumps(example)
    else:
        body = example if isinstance(example, str) else urlencode(example)
    headers = {"Accept": "application/json"}
    answer: TestResponse = client.post("/api/order/cancel", data=body, content_type=media_type, headers=headers)
    return answer
