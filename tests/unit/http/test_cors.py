"""Pages of listed origins may read every answer; for everybody else no byte differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app import create_app
from refund_api.actions import Handler
from refund_api.context import RequestContext
from refund_api.events import Preflight
from refund_api.http import edge
from refund_api.http.cors import EXPOSED
from refund_api.http.edge import EXPLAIN_HEADER
from refund_api.ports import LedgerUnavailable
from refund_api.settings import Settings
from tests.unit.http.test_edge import app_with
from xml_contracts.reading import Reading
from xml_contracts.refund import ApiResult

PATH = "/api/order/cancel"
SHOP = "https://shop.example"
OTHER = "https://other.example"
LISTED = Settings(cors_origins=(SHOP, "http://localhost:3000"))
EVERY = Settings(cors_origins=("*",))
JSON = {"Content-Type": "application/json"}
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-request-id"}


def recorded(reading: Reading[Any], context: RequestContext) -> ApiResult:
    return ApiResult(1, "Cancelled", "7")


def away(reading: Reading[Any], context: RequestContext) -> ApiResult:
    raise LedgerUnavailable("down")


def broken(reading: Reading[Any], context: RequestContext) -> ApiResult:
    raise ZeroDivisionError


def send(
    origin: str | None,
    settings: Settings = LISTED,
    *,
    method: str = "POST",
    path: str = PATH,
    handler: Handler = recorded,
    headers: Mapping[str, str] = JSON,
    body: str = "{}",
) -> TestResponse:
    sent = {**headers, **({} if origin is None else {"Origin": origin})}
    return create_app(settings, handler=handler).test_client().open(path, method=method, headers=sent, data=body)


def cors_headers(response: TestResponse) -> dict[str, str]:
    return {name: value for name, value in response.headers if name.startswith("Access-") or name == "Vary"}


ANSWERS: list[tuple[int, dict[str, Any]]] = [
    (200, {}),
    (200, {"headers": {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}, "body": "random=1"}),
    (404, {"path": "/api/order/nope"}),
    (405, {"method": "GET"}),
    (405, {"method": "OPTIONS"}),
    (413, {"body": "x" * 65537}),
    (415, {"headers": {"Content-Type": "text/plain"}}),
    (500, {"handler": broken}),
    (503, {"handler": away}),
]
"""Status of an answer, and how to get it."""


@pytest.mark.parametrize(("status", "how"), ANSWERS)
def test_every_answer_to_a_page_of_a_listed_origin_can_be_read_by_it(status: int, how: dict[str, Any]) -> None:
    response = send(SHOP, **how)
    assert response.status_code == status
    assert cors_headers(response) == {
        "Access-Control-Allow-Origin": SHOP,
        "Access-Control-Expose-Headers": "Retry-After, Date, X-Request-ID, X-Data-Contract-Ignored",
        "Vary": "Origin",
    }


@pytest.mark.parametrize(("status", "how"), ANSWERS)
@pytest.mark.parametrize(
    "origin",
    [None, OTHER, "null", "", "https://shop.example.evil.example", "http://shop.example", "HTTPS://SHOP.EXAMPLE"],
)
def test_for_everybody_else_no_byte_differs(origin: str | None, status: int, how: dict[str, Any]) -> None:
    answer, legacy = send(origin, **how), send(None, Settings(), **how)
    assert (answer.status, answer.data, list(answer.headers)) == (legacy.status, legacy.data, list(legacy.headers))


@pytest.mark.parametrize(("status", "how"), ANSWERS)
def test_the_body_and_the_other_headers_stay_for_a_listed_origin_too(status: int, how: dict[str, Any]) -> None:
    answer, legacy = send(SHOP, **how), send(None, Settings(), **how)
    kept = [pair for pair in answer.headers if pair[0] not in cors_headers(answer)]
    assert (answer.status, answer.data, kept) == (legacy.status, legacy.data, list(legacy.headers))


@pytest.mark.parametrize("origin", [SHOP, OTHER, "null"])
def test_with_every_origin_allowed_no_origin_is_named(origin: str) -> None:
    response = send(origin, EVERY)
    assert cors_headers(response)["Access-Control-Allow-Origin"] == "*"
    assert cors_headers(response)["Vary"] == "Origin"
    assert cors_headers(send(None, EVERY)) == {}


def test_a_preflight_is_told_the_method_and_the_headers_for_two_hours() -> None:
    response = send(SHOP, method="OPTIONS", headers=PREFLIGHT, body="")
    assert (response.status, response.data) == ("204 No Content", b"")
    assert list(response.headers) == [
        ("Cache-Control", "no-cache"),
        ("Pragma", "no-cache"),
        ("Expires", "-1"),
        ("Access-Control-Allow-Methods", "POST"),
        ("Access-Control-Allow-Headers", "content-type,x-request-id"),
        ("Access-Control-Max-Age", "7200"),
        ("Access-Control-Allow-Origin", SHOP),
        ("Access-Control-Expose-Headers", "Retry-After, Date, X-Request-ID, X-Data-Contract-Ignored"),
        ("Vary", "Origin"),
    ]


def test_no_answer_allows_credentials() -> None:
    for response in (send(SHOP), send(SHOP, method="OPTIONS", headers=PREFLIGHT), send(OTHER, EVERY)):
        assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("names", ["", "a b", "x,,y", "x;y", "é", "a" * 513])
def test_a_preflight_for_what_are_no_names_of_headers_is_told_none(names: str) -> None:
    asked = {**PREFLIGHT, "Access-Control-Request-Headers": names}
    response = send(SHOP, method="OPTIONS", headers=asked, body="")
    assert response.status_code == 204
    assert "Access-Control-Allow-Headers" not in response.headers


@pytest.mark.parametrize("origin", [None, OTHER])
def test_a_preflight_of_anybody_else_is_the_405_of_the_legacy(origin: str | None) -> None:
    answer = send(origin, method="OPTIONS", headers=PREFLIGHT, body="")
    legacy = send(None, Settings(), method="OPTIONS", headers={}, body="")
    assert (answer.status, answer.data, list(answer.headers)) == (legacy.status, legacy.data, list(legacy.headers))
    assert answer.status_code == 405


@pytest.mark.parametrize("path", ["/api/order/nope", "///api/order/cancel"])
def test_a_preflight_for_a_path_without_an_action_is_a_404(path: str) -> None:
    client = create_app(LISTED, handler=recorded).test_client()
    asked = {**PREFLIGHT, "Origin": SHOP}
    assert client.options(headers=asked, environ_overrides={"PATH_INFO": path}).status_code == 404


def test_a_preflight_runs_no_action_and_is_one_event() -> None:
    told: list[Any] = []
    app = app_with(broken, told.append, origins=(SHOP,))
    response = app.test_client().options(PATH, headers={**PREFLIGHT, "Origin": SHOP})
    assert response.status_code == 204
    (event,) = told
    assert (event.happening, event.status, event.read_format) == (Preflight(), 204, None)


def test_the_headers_that_only_some_answers_have_are_exposed() -> None:
    assert EXPLAIN_HEADER in EXPOSED
    assert {name for name, _ in edge.NOT_CACHED}.isdisjoint(EXPOSED), "pages may read these anyway"


def test_an_origin_of_other_routes_is_not_answered() -> None:
    app = create_app(LISTED, handler=recorded)
    app.add_url_rule("/healthz", view_func=lambda: "fine")
    assert cors_headers(app.test_client().get("/healthz", headers={"Origin": SHOP})) == {}


def test_settings_that_cannot_be_read_are_answered_as_without_an_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFUND_API_CORS_ORIGINS", "shop.example")
    answers = [
        create_app().test_client().post(PATH, json={}, headers={} if origin is None else {"Origin": origin})
        for origin in (None, SHOP)
    ]
    assert [answer.status_code for answer in answers] == [500, 500]
    assert list(answers[0].headers) == list(answers[1].headers)
