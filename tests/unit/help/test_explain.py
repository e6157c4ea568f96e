"""Explain my request: it tells what the action would read, within the bounds of the action, and changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Request
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder

from refund_api.actions import CANCEL
from refund_api.help.explain import explainer
from refund_api.settings import Settings
from refund_api.signing.schemes import SCHEMES
from refund_api.signing.verifier import Cause
from tests.fakes import signed
from tests.wire import FORMATS, Format, members_of, write_json
from xml_contracts.refund import TicketRefundRequest

from .pages import EXPLAIN_PAGE, LEGACY_SECRET, REAL_SECRET, V2_SECRET, pages

JSON = FORMATS[0]
SECRETS = {"demo": ("legacy", LEGACY_SECRET), "demo-v2": ("v2", V2_SECRET)}


@pytest.fixture(scope="module")
def demo() -> FlaskClient:
    return pages("demo")


def request_of(kid: str = "demo", at: datetime | None = None, **changed: Any) -> TicketRefundRequest:
    scheme, secret = SECRETS[kid]
    request = replace(signed(at=at or datetime.now(UTC)), **changed)
    return replace(request, sign=SCHEMES[scheme].sign(request, CANCEL.path, kid, secret.encode()))


def explain(client: FlaskClient, body: bytes, content_type: str = JSON.content_type, **headers: str) -> dict[str, Any]:
    answer = client.post(EXPLAIN_PAGE, data=body, content_type=content_type, headers=headers)
    assert answer.status_code == 200, answer.text
    explained: dict[str, Any] = answer.get_json()
    return explained


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
@pytest.mark.parametrize("kid", SECRETS)
def test_a_right_request_is_read_and_its_sign_holds_in_every_format(demo: FlaskClient, form: Format, kid: str) -> None:
    request = request_of(kid)
    explained = explain(demo, form.write(members_of(request)), form.content_type)
    assert explained["read_as"] == form.name
    assert {row["name"]: row["value"] for row in explained["members"]} == members_of(request)
    assert explained["problems"] == explained["skipped"] == []
    assert explained["signature"] == {"cause": None, "why": None, "kid": kid, "scheme": SECRETS[kid][0]}
    assert {row["kid"]: row["matches"] for row in explained["signing"]} == {
        "demo": kid == "demo",
        "demo-v2": kid == "demo-v2",
    }


def test_it_shows_the_text_that_each_scheme_signs_and_the_sign_that_it_expects(demo: FlaskClient) -> None:
    request = request_of("demo-v2", random=4711, refund_reason="é\r\n")
    legacy, v2 = explain(demo, write_json(members_of(request)))["signing"]
    assert legacy["text"] == f"random=4711&timestamp={request.time_stamp}&terminal=1"
    assert "\nrefund_reason=3:é\n\n" in v2["text"]
    assert v2["expected"] == request.sign


def test_a_member_out_of_order_is_told_with_its_place(demo: FlaskClient) -> None:
    xml = FORMATS[1].write(members_of(request_of()))
    start, _, rest = xml.partition(b"<order_number>")
    moved = start.replace(b"<random", b"<order_number>A</order_number><random") + b"<colour/>" + rest.partition(b">")[2]
    explained = explain(demo, moved, "application/xml")
    assert {"member": "random", "why": "out of order: must come before order_number"} in explained["skipped"]
    assert {"member": "colour", "why": "unknown"} in explained["skipped"]
    assert "random: missing" in explained["problems"] and explained["signature"] is None


def test_reasons_are_told_in_the_language_that_the_page_has(demo: FlaskClient) -> None:
    late = b'{"colour": 1, "random": "x", "order_number": "A"}'
    chinese = {"Accept-Language": "zh-CN"}
    explained = explain(demo, late, **chinese)
    assert explained["problems"] == ["random：不是 32 位整数"]
    assert explained["skipped"] == [{"member": "colour", "why": "未知成员"}]
    old = write_json(members_of(request_of(at=datetime(2020, 1, 1, tzinfo=UTC))))
    assert explain(demo, old, **chinese)["signature"]["why"] == "time_stamp 与服务时钟相差过大"
    assert explain(demo, old)["signature"]["why"] == "time_stamp is too far from the clock of the service"


def test_a_language_that_is_chosen_goes_before_that_of_the_browser(demo: FlaskClient) -> None:
    chosen = demo.post(f"{EXPLAIN_PAGE}?lang=zh", data=b"[1]", content_type="application/json")
    assert chosen.get_json()["problems"] == ["无法读取 JSON：应为对象"]
    assert (chosen.headers["Content-Language"], chosen.headers["Vary"]) == ("zh", "Accept-Language")


@pytest.mark.parametrize("seconds", [-4000, -10, 0, 10, 4000])
def test_it_says_how_far_the_clock_is_off(seconds: int) -> None:
    now = datetime(2026, 11, 23, 8, 10, 22, tzinfo=UTC)
    ring = json.dumps({"keys": [{"kid": "demo", "scheme": "legacy", "secret": LEGACY_SECRET}]})
    page = explainer(CANCEL, lambda: Settings(keys=ring), lambda: now)
    body = write_json(members_of(request_of(at=now + timedelta(seconds=seconds))))

    environ = EnvironBuilder(method="POST", data=body, content_type="application/json").get_environ()
    explained = json.loads(page(Request(environ)).body)
    assert explained["clock"]["seconds_ahead"] == seconds
    assert explained["clock"]["within"] == (abs(seconds) < 300)
    outside = Cause.OUTSIDE_THE_TOLERANCE.value
    assert explained["signature"]["cause"] == (outside if abs(seconds) > 300 else None)


def test_a_time_stamp_that_is_no_time_has_no_clock(demo: FlaskClient) -> None:
    assert explain(demo, b'{"time_stamp": "noon"}')["clock"] is None


@pytest.mark.parametrize("body", [b"", b"null", b"{", b"[1]", "é".encode("utf-16")])
def test_what_is_no_request_has_problems_and_no_members(demo: FlaskClient, body: bytes) -> None:
    explained = explain(demo, body)
    assert explained["members"] == explained["signing"] == [] and explained["problems"]


def test_text_that_is_no_unicode_is_shown_as_the_action_reads_it(demo: FlaskClient) -> None:
    explained = explain(demo, b'{"order_number": "\\ud800", "sign": "\\udfff"}')
    assert explained["members"][0]["value"] == "\ufffd"


def test_the_negotiation_of_the_answer_is_that_of_the_action(demo: FlaskClient) -> None:
    explained = explain(demo, b"{}", **{"Accept": "text/xml", "Accept-Charset": "utf-16"})
    assert explained["answered_as"] == "text/xml; charset=utf-16"


HOSTILE = {
    "an entity bomb": b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><TicketRefundRequest>&b;</TicketRefundRequest>',
    "a file": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><TicketRefundRequest>&a;</TicketRefundRequest>',
    "too deep": b"<a>" * 5000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_xml_is_refused_within_the_bounds_of_the_action(demo: FlaskClient, name: str) -> None:
    explained = explain(demo, HOSTILE[name], "application/xml")
    assert explained["members"] == [] and explained["problems"][0].startswith("XML cannot be read: ")
    action = demo.post(
        CANCEL.path, data=HOSTILE[name], content_type="application/xml", headers={"Accept": "application/json"}
    )
    assert action.get_json()["message"] == f"Invalid request: {explained['problems'][0]}"


@pytest.mark.parametrize(
    ("status", "sent"),
    [
        (413, {"data": b" " * 65537, "content_type": "application/json"}),
        (415, {"data": b"x", "content_type": "text/plain"}),
        (415, {"data": b"x"}),
        (415, {"data": b"x", "headers": {"Content-Encoding": "gzip"}}),
        (405, {"method": "PUT"}),
    ],
)
def test_it_refuses_what_the_action_refuses(demo: FlaskClient, status: int, sent: dict[str, Any]) -> None:
    answers = [demo.open(**{"path": path, "method": "POST", **sent}) for path in (EXPLAIN_PAGE, CANCEL.path)]
    assert [answer.status_code for answer in answers] == [status] * 2
    assert answers[0].text == answers[1].text


def test_a_body_of_exactly_the_limit_is_taken(demo: FlaskClient) -> None:
    assert explain(demo, b" " * 65534 + b"{}")["problems"]


@pytest.mark.parametrize("path", [EXPLAIN_PAGE, "/Help/TryIt/POST-api-order-cancel"])
def test_no_page_shows_or_uses_a_key_that_is_not_of_the_demo(demo: FlaskClient, path: str) -> None:
    page = demo.get(path).text
    assert REAL_SECRET not in page and "shop" not in page
    request = replace(signed(at=datetime.now(UTC)))
    sign = SCHEMES["v2"].sign(request, CANCEL.path, "shop", REAL_SECRET.encode())
    explained = explain(demo, write_json(members_of(replace(request, sign=sign))))
    assert explained["signature"]["cause"] == Cause.UNKNOWN_KEY.value
    assert [row["kid"] for row in explained["signing"]] == ["demo", "demo-v2"]
    assert sign not in json.dumps(explained["signing"])
