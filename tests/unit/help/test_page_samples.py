"""The requests on the page of the action are taken, and its samples and the worked example are what the codecs make.

The answers that it shows are asked of a running service in tests/e2e/test_page_samples.py.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from lxml import html

from app import create_app
from refund_api.actions import CANCEL
from refund_api.cancel.description import DESCRIPTION
from refund_api.cancel.handler import CancelOrder
from refund_api.domain import Order
from refund_api.help.samples import numbered_sample, values_of
from refund_api.http.formatters import formatters_for
from refund_api.settings import Settings
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


def service() -> FlaskClient:
    """Knows the order and the public key of the page, at the moment at which its samples are signed."""
    order = Order(ORDER, datetime(2026, 5, 1, tzinfo=UTC).date(), "booked", "CNY")
    ledger = FakeLedger({ORDER: order}, {ORDER: dict.fromkeys(IDS, 100)})
    ring = KeyRing((Key("web-2026a", "v2", SECRET), Key("old", "legacy", b"x" + SECRET)))
    verifier = Verifier(ring, timedelta(seconds=300), CANCEL.path)
    handler = CancelOrder(FakeUnitOfWork(ledger), verifier)
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
            assert value.strip("'") == str(values[name])
    (note,) = PAGE.xpath("//pre[@aria-label='PowerShell']/preceding-sibling::p[1]/text()")
    assert note.endswith("we never ran it."), "the page says so, where no test runs it"
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


def test_the_worked_example_is_that_of_the_vectors_and_holds() -> None:
    vector = VECTORS["v2-plain"]
    assert text_of(PAGE, "v2-text") == vector["canonical"]
    assert text_of(PAGE, "v2-sign") == vector["sign"]
    assert f"These are {len(vector['canonical'].encode())} bytes." in PAGE.text_content()
    assert text_of(PAGE, "legacy-text") == VECTORS["legacy-example"]["canonical"]
    digest = hashlib.md5(text_of(PAGE, "legacy-text").encode()).hexdigest()
    assert text_of(PAGE, "legacy-md5") == digest
    assert text_of(PAGE, "legacy-sign") == hmac.new(SECRET, digest.encode(), "sha256").hexdigest()


@pytest.mark.parametrize("path", ["/Help", ACTION_PAGE, "/Help/ResourceModel"])
def test_every_link_of_a_page_leads_to_a_page(path: str) -> None:
    client = pages("demo")
    for language in ("en", "zh"):
        for element in document(f"{path}?lang={language}", "demo").xpath("//a[starts-with(@href, '/')]"):
            link, _, id_ = element.get("href", "").partition("#")
            answer = client.get(link)
            assert answer.status_code == 200, link
            assert not id_ or html.document_fromstring(answer.text).get_element_by_id(id_) is not None


def test_a_service_that_takes_older_requests_than_others_says_so() -> None:
    environ = {"REFUND_API_HELP": "on", "REFUND_API_TOLERANCE_SECONDS": "86400"}
    lenient = create_app(Settings.from_environ(environ)).test_client().get(ACTION_PAGE).text
    assert "may be 86400 seconds" in lenient and "Other services take 300 seconds" in lenient
    assert "Other services" not in PAGE.text_content()


def test_the_contents_of_the_page_lead_to_its_sections() -> None:
    links = PAGE.xpath("//nav[@class='contents']/a/@href")
    assert links == [f"#{heading.get('id')}" for heading in PAGE.iter("h2")]
