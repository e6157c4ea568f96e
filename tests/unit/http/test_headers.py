"""Headers that are too long count as not sent, each by itself, and cost nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import partial
from types import CodeType, FrameType
from typing import Any

import pytest

from app import create_app
from refund_api.http.headers import MAX_HEADER, without_long_headers
from refund_api.http.negotiation import negotiate
from tests.conformance import Recorder, environ_of

NEGOTIATED = ["CONTENT_TYPE", "HTTP_ACCEPT", "HTTP_ACCEPT_CHARSET", "HTTP_X_REQUESTED_WITH"]


def seen_by_an_application(environ: dict[str, Any]) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        seen.update(environ)
        return []

    without_long_headers(app)(dict(environ), lambda *_: None)
    return seen


@pytest.mark.parametrize("name", [*NEGOTIATED, "HTTP_CONNECTION"])
def test_a_header_counts_as_not_sent_from_the_first_character_over_the_limit(name: str) -> None:
    others = {"HTTP_COOKIE": "c" * 8000, "HTTP_ACCEPT_LANGUAGE": "x" * 8000, "REQUEST_METHOD": "POST"}
    assert seen_by_an_application(others | {name: "a" * MAX_HEADER}) == others | {name: "a" * MAX_HEADER}
    assert seen_by_an_application(others | {name: "a" * (MAX_HEADER + 1)}) == others


def test_headers_are_bounded_by_themselves_and_not_together() -> None:
    sent = dict.fromkeys(NEGOTIATED, "a" * MAX_HEADER)
    assert seen_by_an_application(sent) == sent


@pytest.mark.parametrize(
    ("headers", "status", "content_type"),
    [
        ({"HTTP_ACCEPT": "text/xml".ljust(512, ",")}, "200 OK", "text/xml; charset=utf-8"),
        ({"HTTP_ACCEPT": "text/xml".ljust(513, ",")}, "200 OK", "application/json; charset=utf-8"),
        ({"HTTP_ACCEPT_CHARSET": "utf-16".ljust(512, ",")}, "200 OK", "application/json; charset=utf-16"),
        ({"HTTP_ACCEPT_CHARSET": "utf-16".ljust(513, ",")}, "200 OK", "application/json; charset=utf-8"),
        ({"CONTENT_TYPE": "text/xml;a=".ljust(512, "x")}, "200 OK", "text/xml; charset=utf-8"),
        (
            {"CONTENT_TYPE": "text/xml;a=".ljust(513, "x")},
            "415 Unsupported Media Type",
            "application/json; charset=utf-8",
        ),
    ],
)
def test_the_answer_is_the_one_without_the_long_header(headers: dict[str, str], status: str, content_type: str) -> None:
    answer_status, answer_headers = answer(headers)
    assert (answer_status, answer_headers["Content-Type"]) == (status, content_type)


def answer(
    headers: dict[str, str], method: str = "POST", path: str = "/api/order/cancel", app: Any = None
) -> tuple[str, dict[str, str]]:
    """Status line and headers of the answer to a JSON body with these headers of the environ."""
    request = {
        "method": method,
        "path": path,
        "headers": [["Content-Type", "application/json"]],
        "body": {"text": "{}"},
    }
    started: list[Any] = []
    app = app or create_app(handler=Recorder())
    b"".join(app(environ_of(request) | headers, lambda *given: started.append(given)))
    ((status, pairs),) = started
    return status, dict(pairs)


@pytest.mark.parametrize(
    ("status", "headers", "method", "path"),
    [
        ("200 OK", {}, "POST", "/api/order/cancel"),
        ("404 Not Found", {}, "POST", "/nowhere"),
        ("405 Method Not Allowed", {}, "PUT", "/api/order/cancel"),
        ("413 Request Entity Too Large", {"CONTENT_LENGTH": "65537"}, "POST", "/api/order/cancel"),
        ("415 Unsupported Media Type", {"CONTENT_TYPE": "text/plain"}, "POST", "/api/order/cancel"),
        ("501 Not Implemented", {"HTTP_TRANSFER_ENCODING": "gzip, chunked"}, "POST", "/api/order/cancel"),
    ],
)
def test_the_headers_of_a_request_are_negotiated_once(
    status: str, headers: dict[str, str], method: str, path: str
) -> None:
    answered: list[str] = []
    called = calls(lambda: answered.append(answer({"HTTP_ACCEPT": "a/b," * 120} | headers, method, path)[0]))
    assert (called.count(negotiate.__code__), answered) == (1, [status])


def calls(work: Callable[[], object]) -> list[CodeType | None]:
    """Every function call of the work: its code, or None for a function in C."""
    called: list[CodeType | None] = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event in ("call", "c_call"):
            called.append(frame.f_code if event == "call" else None)

    former = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(former)
    return called


UNITS = ["a/a,", "*/*,", "a/b;q=0.5,", 'a/b;c="x",', "utf-8;q=0.1,", ",", ";", '"', "\\", " "]
NAMES = [*NEGOTIATED, "HTTP_CONNECTION", "HTTP_CONTENT_ENCODING", "HTTP_HOST", "HTTP_X_REQUEST_ID"]


@pytest.mark.parametrize("name", NAMES)
def test_half_a_megabyte_of_one_header_takes_no_more_calls_than_two_kilobytes(name: str) -> None:
    """Calls are counted and not seconds: a slow machine does not change them."""
    app = create_app(handler=Recorder())
    answer({}, app=app)  # what the first request makes is no call of the others
    for unit in UNITS:
        short, long = (
            len(calls(partial(answer, {name: unit * (size // len(unit))}, app=app))) for size in (2_000, 500_000)
        )
        assert long <= short + 50, unit
