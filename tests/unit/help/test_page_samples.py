"""Every sample on the page of the action is what the service takes and sends: each is replayed."""

from __future__ import annotations

import base64
import json
import re
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from refund_api.actions import CANCEL
from refund_api.cancel.description import DESCRIPTION
from refund_api.cancel.handler import CancelOrder
from refund_api.domain import Order
from refund_api.help.samples import numbered_sample, values_of
from refund_api.http.formatters import formatters_for
from refund_api.signing.keys import Key, KeyRing
from refund_api.signing.verifier import Verifier
from tests.fakes import FakeLedger, FakeUnitOfWork
from tests.vectors.test_signature import VECTORS
from xml_contracts.refund import ApiResult, TicketRefundRequest

from .pages import ACTION_PAGE, document, pages, text_of

PAGE = document(ACTION_PAGE)
SIGNED_AT = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = base64.b64decode("YSBwdWJsaWMga2V5IGZvciB2ZWN0b3JzLCA0MCBjaGFyYWN0ZXJzLg==")
ORDER, IDS = str(DESCRIPTION.sample.order_number), str(DESCRIPTION.sample.refund_passanger_ids).split(",")
FORMATS = {formatter.name: formatter for formatter in formatters_for(TicketRefundRequest, ApiResult)}
READY = {pre.get("aria-label", ""): pre.text_content() for pre in PAGE.xpath("//pre[starts-with(@id, 'ready-')]")}


def service(state: str = "booked", away: bool = False) -> FlaskClient:
    """Knows the order and the public key of the page, at the moment at which its samples are signed."""
    order = Order(ORDER, datetime(2026, 5, 1, tzinfo=UTC).date(), state, "CNY")
    ledger = FakeLedger({ORDER: order}, {ORDER: dict.fromkeys(IDS, 100)})
    ring = KeyRing((Key("web-2026a", "v2", SECRET), Key("old", "legacy", b"x" + SECRET)))
    verifier = Verifier(ring, timedelta(seconds=300), CANCEL.path)
    handler = CancelOrder(FakeUnitOfWork(ledger, away), verifier)
    return create_app(handler=handler, clock=lambda: SIGNED_AT).test_client()


@dataclass(frozen=True)
class Sent:
    """What a curl command sends."""

    url: str
    headers: dict[str, str]
    body: str


def sent_by(command: str) -> Sent:
    line, _, heredoc = command.partition(" <<'END'\n")
    words = shlex.split(line)
    headers = dict(words[i + 1].split(": ", 1) for i, word in enumerate(words) if word == "-H")
    if heredoc:
        return Sent(words[-1], headers, heredoc.removesuffix("END\n"))
    headers["Content-Type"] = "application/x-www-form-urlencoded"  # of curl by itself
    return Sent(words[-1], headers, words[words.index("--data-raw") + 1])


@pytest.mark.parametrize("title", ["curl, JSON", "curl, XML", "curl, form"])
def test_each_request_for_curl_cancels_while_its_signature_is_fresh(title: str) -> None:
    sent = sent_by(READY[title])
    assert sent.url == "http://localhost/api/order/cancel"
    answer = service().post(CANCEL.path, data=sent.body, headers=sent.headers)
    assert re.search(r'<code>1</code>|"code":1,', answer.text), answer.text
    assert ("xml" in answer.headers["Content-Type"]) == (title == "curl, XML"), "in the format of the request"


def test_there_is_a_request_for_every_language() -> None:
    assert [*READY] == [
        "curl, JSON",
        "curl, XML",
        "curl, form",
        "PowerShell",
        "C#",
        "Python",
        "JavaScript (Node.js)",
    ]


def test_the_powershell_request_signs_and_sends_every_member() -> None:
    script = READY["PowerShell"]
    assigned = re.findall(r"^    (\w+) = (.*)$", script, re.MULTILINE)
    values = values_of(DESCRIPTION.sample)
    assert [name for name, _ in assigned] == sorted(values.keys() - {"sign"}), "in the order in which they are signed"
    for name, value in assigned:
        if name not in ("random", "time_stamp"):
            assert json.loads(value) == values[name]
    head = text_of(PAGE, "v2-text").split("order_number")[0]
    assert head.replace("\n", "`n").replace("web-2026a", "$kid") in script


@pytest.mark.parametrize("name", ["json", "xml", "form"])
def test_the_sample_of_each_request_format_is_read_as_the_same_request(name: str) -> None:
    reading = FORMATS[name].read(text_of(PAGE, f"request-{name}").encode(), "utf-8")
    assert reading.value == numbered_sample(TicketRefundRequest)
    assert not reading.errors and not reading.ignored


def test_the_samples_of_requests_get_one_answer_in_every_format() -> None:
    types = {"json": "application/json", "xml": "application/xml", "form": "application/x-www-form-urlencoded"}
    answers = {
        service()
        .post(CANCEL.path, data=text_of(PAGE, f"request-{name}"), content_type=type_, headers={"Accept": types["json"]})
        .text
        for name, type_ in types.items()
    }
    (answer,) = answers
    assert answer.startswith('{"code":1001,"message":"Invalid request: ')


@pytest.mark.parametrize("name", ["json", "xml"])
def test_the_sample_of_each_answer_format_is_what_the_service_writes_but_for_white_space(name: str) -> None:
    write = FORMATS[name].write
    assert write is not None
    written = write(numbered_sample(ApiResult), "utf-8").decode()
    between = re.compile(r"(?<=>)\s+(?=<)" if name == "xml" else r"(?<=[{,:])\s+|\s+(?=})")
    assert between.sub("", text_of(PAGE, f"response-{name}")) == written


def request_for(code: int) -> dict[str, Any]:
    """Members of a request that is answered with this code."""
    values = values_of(DESCRIPTION.sample)
    changed: dict[int, dict[str, Any]] = {1001: {"order_number": None}, 1002: {"sign": "0" * 64}}
    return {**values, **changed.get(code, {})}


def shown(table: str) -> list[tuple[int, dict[str, str], str]]:
    """(number, format -> text, second cell) of each row."""
    return [
        (
            int(row[0].text_content()),
            {c.get("data-format", ""): c.text_content() for c in row.iter("code") if c.get("data-format")},
            row[1].text_content(),
        )
        for row in PAGE.get_element_by_id(table).xpath("./tbody/tr")
    ]


@pytest.mark.parametrize("code", [1001, 1002, 3001, 2005])
@pytest.mark.parametrize("name", ["json", "xml"])
def test_the_answer_shown_for_a_code_is_what_the_service_sends(code: int, name: str) -> None:
    (text,) = (texts[name] for number, texts, _ in shown("codes-table") if number == code)
    client = service("ticketed" if code == 2005 else "booked", away=code == 3001)
    answer = client.post(CANCEL.path, json=request_for(code), headers={"Accept": f"application/{name}"})
    assert answer.text == text
    assert answer.status_code == (503 if code == 3001 else 200)


@pytest.mark.parametrize("name", ["json", "xml"])
def test_the_answer_shown_for_success_differs_from_a_real_one_in_the_number_alone(name: str) -> None:
    text = next(texts[name] for number, texts, _ in shown("codes-table") if number == 1)
    answer = service().post(CANCEL.path, json=request_for(1), headers={"Accept": f"application/{name}"})
    guid = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    assert guid.sub("NUMBER", answer.text) == guid.sub("NUMBER", text)


def refused(status: int, when: str) -> TestResponse:
    asked: dict[str, dict[str, Any]] = {
        "Another path": {"path": "/api/order/cancels", "base_url": "https://localhost"},
        "Another method": {"method": "GET"},
        "The body has more than 65536 bytes": {"data": b" " * 65537, "content_type": "application/json"},
        "No format of the action has this Content-Type": {"data": b"x", "content_type": "text/plain"},
        "There is a body and no Content-Type": {"data": b"x"},
        "The body has a Content-Encoding": {"data": b"x", "headers": [("Content-Encoding", "gzip")]},
        "The body has a transfer coding other than chunked alone": {"headers": [("Transfer-Encoding", "gzip")]},
        "The body ended before its Content-Length": {
            "data": b"{}",
            "content_type": "application/json",
            "environ_overrides": {"CONTENT_LENGTH": "9"},
        },
    }
    answer: TestResponse = service().open(**{"path": CANCEL.path, "method": "POST", **asked[when]})
    return answer


def test_the_answer_shown_for_each_refusal_is_what_the_service_sends() -> None:
    not_here = {"The framing of the body cannot be read", "A fault of the service"}  # test_answers.py has these
    seen = set()
    for status, texts, cell in shown("refusals-table"):
        when, *headers = re.split(r"(?=Allow: )", cell)
        if when in not_here:
            continue
        answer = refused(status, when)
        assert (answer.status_code, answer.text) == (status, texts["json"]), when
        assert [f"Allow: {value}" for value in answer.headers.getlist("Allow")] == headers
        seen.add(status)
    assert {404, 405, 413, 415} <= seen


def test_the_worked_example_is_that_of_the_vectors_and_holds() -> None:
    vector = VECTORS["v2-plain"]
    assert text_of(PAGE, "v2-text") == vector["canonical"]
    assert text_of(PAGE, "v2-sign") == vector["sign"]
    assert text_of(PAGE, "legacy-text") == VECTORS["legacy-example"]["canonical"]


@pytest.mark.parametrize("path", ["/Help", ACTION_PAGE, "/Help/ResourceModel"])
def test_every_link_of_a_page_leads_to_a_page(path: str) -> None:
    client = pages("demo")
    for language in ("en", "zh"):
        for element in document(f"{path}?lang={language}", "demo").xpath("//a[starts-with(@href, '/')]"):
            assert client.get(element.get("href")).status_code == 200, element.get("href")
