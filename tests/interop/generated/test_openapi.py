"""Schemathesis makes requests from /openapi.json of a live service: those that fit are taken, whatever the format.

It writes XML by itself, but without the order of the members, so a serializer of ours does.
"""

from __future__ import annotations

import copy
import json
import re
from dataclasses import fields
from typing import Any
from urllib.request import urlopen

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from lxml import etree
from openapi_spec_validator import validate
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from xml_contracts.refund import Terminal, TicketRefundRequest

from .conftest import Service

PATH = "/api/order/cancel"
MEDIA_TYPES = ["application/json", "application/xml", "application/x-www-form-urlencoded"]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
MEMBERS = [f.name for f in fields(TicketRefundRequest)]
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

many = settings(
    max_examples=60,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=set(Phase) - {Phase.explain},
)


@pytest.fixture(scope="module")
def document(service: Service) -> dict[str, Any]:
    with urlopen(f"{service.url}/openapi.json") as answer:
        content: dict[str, Any] = json.load(answer)
    return content


def operation(document: dict[str, Any], service: Service, media_type: str) -> Any:
    """The action in one of its formats. Schemathesis would choose one for each request."""
    alone = copy.deepcopy(document)
    content = alone["paths"][PATH]["post"]["requestBody"]["content"]
    alone["paths"][PATH]["post"]["requestBody"]["content"] = {media_type: content[media_type]}
    config = schemathesis.Config.from_dict({"base-url": service.url, "generation": {"allow-x00": False}})
    return schemathesis.openapi.from_dict(alone, config=config)[PATH]["POST"]


@schemathesis.serializer("application/xml")
def to_xml(context: schemathesis.SerializationContext, value: Any) -> bytes:
    """In the order and the namespaces of the schema; what is no object of members goes out as text."""
    if not isinstance(value, dict):
        return str(value).encode("utf-8", "replace")
    schema = context.case.operation.schema.raw_schema["components"]["schemas"]["TicketRefundRequestXml"]
    root = etree.Element(f"{{{schema['xml']['namespace']}}}{schema['xml']['name']}")
    for name, property_ in schema["properties"].items():
        if name in value:
            element = etree.SubElement(root, f"{{{property_['xml']['namespace']}}}{name}")
            _fill(element, value[name])
    return etree.tostring(root, encoding="utf-8")


def _fill(element: Any, value: Any) -> None:
    if value is None:
        element.set(NIL, "true")
    else:
        element.text = _NOT_XML.sub("", str(value))


@schemathesis.deserializer("application/xml")
def from_xml(context: schemathesis.DeserializationContext, response: schemathesis.Response) -> Any:
    root = etree.fromstring(response.content)
    return {etree.QName(element).localname: _value(element) for element in root}


def _value(element: Any) -> Any:
    if element.get(NIL):
        return None
    return int(element.text) if element.tag.endswith("}code") else element.text or ""


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    validate(document)


@pytest.mark.parametrize("accept", MEDIA_TYPES[:2])
@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_a_request_made_from_the_document_is_taken(
    document: dict[str, Any], service: Service, media_type: str, accept: str
) -> None:
    @many
    @given(case=operation(document, service, media_type).as_strategy())
    def send(case: Any) -> None:
        sign(case.body, service, media_type)
        response = case.call_and_validate(headers={"Accept": accept}, checks=CHECKS)
        assert code_of(response) == 2001, (case.body, response.text)

    send()


def sign(body: dict[str, Any], service: Service, media_type: str) -> None:
    """Make it a request of this moment that bears a valid sign; the members stay as they were generated."""
    for name, value in body.items():
        if media_type == "application/xml" and isinstance(value, str):
            body[name] = _NOT_XML.sub("", value) or "x"
    if not (body.get("refund_reason") or "").strip():
        body.pop("refund_reason", None)  # a blank one is null in a form: docs/signing.md
    for name in body.keys() - set(MEMBERS):
        del body[name]
    body["random"] = int(body["random"])  # JSON Schema takes 1.0 for an integer; Json.NET does not
    request = TicketRefundRequest(**{**body, "terminal": Terminal.WEBPAGEEnum})
    signed = service.signed(request)
    body |= {"time_stamp": signed.time_stamp, "sign": signed.sign}


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_whatever_does_not_fit_the_document_is_answered_as_it_says(
    document: dict[str, Any], service: Service, media_type: str
) -> None:
    @many
    @given(case=operation(document, service, media_type).as_strategy(schemathesis.GenerationMode.NEGATIVE))
    def send(case: Any) -> None:
        response = case.call_and_validate(checks=CHECKS)
        assert response.status_code != 200 or code_of(response) in (1001, 1002), (case.body, response.text)

    send()


def code_of(response: Any) -> int:
    found = re.search(r'"code":(\d+)|<code>(\d+)<', response.text)
    assert found, response.text
    return int(found[1] or found[2])
