"""Every answer is told to every sink, once and after it was written; no sink can change it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from refund_api.actions import CANCEL, Handler
from refund_api.context import RequestContext
from refund_api.events import ActionAnswered, Broken, Event, LedgerAway, Outcome, RefundRecorded, RequestRefused, Sink
from refund_api.http.blueprint import make_blueprint
from refund_api.http.edge import Edge, Endpoint
from refund_api.ports import LedgerUnavailable
from tests.world import NOW, ORDER
from xml_contracts.reading import Problem, Reading, Skipped
from xml_contracts.refund import ApiResult

PATH = "/api/order/cancel"
RECORDED = RefundRecorded(
    order_number=ORDER,
    passengers=1,
    terminal=1,
    scheme="legacy",
    kid="web",
    attempts=1,
    nonce_conflict=False,
    refund_id="7",
)


def recorded(reading: Reading[Any], context: RequestContext) -> Outcome:
    return Outcome(ApiResult(1, "Cancelled", "7"), RECORDED)


def app_with(handler: Handler, *sinks: Sink, explain: bool = False, origins: tuple[str, ...] = ()) -> Flask:
    app = Flask(__name__, static_folder=None)
    edge = Edge((Endpoint.of(CANCEL, lambda: handler),), sinks, lambda: NOW, lambda: explain, lambda: origins)
    app.register_blueprint(make_blueprint(edge))
    return app


def raising(error: Exception) -> Handler:
    def handler(reading: Reading[Any], context: RequestContext) -> Outcome:
        raise error

    return handler


def unwritable(reading: Reading[Any], context: RequestContext) -> ApiResult:
    return ApiResult(1, "\ud800")


def plain(reading: Reading[Any], context: RequestContext) -> ApiResult:
    return ApiResult(2003, "Departs within 30 days")


BROKEN = ZeroDivisionError()
JSON = {"Content-Type": "application/json", "X-Request-ID": "id-1"}
Send = Callable[[Flask], TestResponse]


def post(body: str = "{}", **headers: str) -> Send:
    return lambda app: app.test_client().post(PATH, data=body, headers=JSON | headers)


@pytest.mark.parametrize(
    ("send", "handler", "status", "kind"),
    [
        (post(), recorded, 200, RefundRecorded),
        (post(), plain, 200, ActionAnswered),
        (post(), raising(LedgerUnavailable("down")), 503, LedgerAway),
        (post(), raising(BROKEN), 500, Broken),
        (post(), unwritable, 500, Broken),
        (post(**{"Content-Type": "text/plain"}), recorded, 415, RequestRefused),
        (post(**{"Content-Encoding": "gzip"}), recorded, 415, RequestRefused),
        (post("x" * 65537), recorded, 413, RequestRefused),
        (lambda app: app.test_client().get(PATH), recorded, 405, RequestRefused),
        (lambda app: app.test_client().options(PATH), recorded, 405, RequestRefused),
        (lambda app: app.test_client().post("/nowhere"), recorded, 404, RequestRefused),
    ],
)
def test_every_answer_is_told_exactly_once_to_every_sink(
    send: Send, handler: Handler, status: int, kind: type[object]
) -> None:
    first: list[Event] = []
    second: list[Event] = []
    response = send(app_with(handler, first.append, second.append))
    assert response.status_code == status
    (event,) = first
    assert second == first
    assert isinstance(event.happening, kind)
    assert event.code == response.get_json().get("code"), "None where the framework answers"
    assert (event.status, event.context.source, event.context.received_at) == (status, "127.0.0.1", NOW)


def test_an_event_tells_how_the_answer_went_out() -> None:
    told: list[Event] = []
    response = post('{"x":1}', Accept="text/xml")(app_with(recorded, told.append))
    assert response.content_type == "text/xml; charset=utf-8"
    (event,) = told
    assert event.happening == RECORDED
    assert (event.context.request_id, event.read_format, event.write_format) == ("id-1", "json", "xml")
    assert event.skipped == (Problem("x", Skipped.UNKNOWN),)
    assert event.milliseconds > 0


def test_words_in_another_language_become_a_header_that_a_server_can_send(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refund_api.words.why_skipped", lambda problem: "未知 100%\r\nX: y")
    response = post('{"é": 1}')(app_with(recorded, explain=True))
    assert response.headers["X-Data-Contract-Ignored"] == "%C3%A9: %E6%9C%AA%E7%9F%A5 100%%0D%0AX: y"


def test_a_sink_that_always_raises_changes_no_answer_and_silences_no_other(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Event] = []

    def fail(event: Event) -> None:
        raise ZeroDivisionError

    for send in (post(), lambda app: app.test_client().post("/nowhere")):
        quiet, loud = send(app_with(recorded)), send(app_with(recorded, fail, told.append))
        assert (loud.status, loud.data, loud.headers) == (quiet.status, quiet.data, quiet.headers)
    assert len(told) == 2
    assert caplog.messages == ["a sink of events failed"] * 2
