"""The whole WSGI call: each format of the service against bare Flask views that do less and less.

The service runs the handler of the action as it is: shape check, signature, domain words, the decision. Only the ledger
is in memory, because this measures what a request costs beside the database; the ledger has measurements of its own.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

import flask

from app import create_app
from benchmarks.measure import Goal, medians
from benchmarks.samples import NOW, PASSENGER, REQUEST_FORM, REQUEST_JSON, REQUEST_XML, SECRET, TRAIN_DATE
from refund_api.cancel.handler import CancelOrder
from refund_api.domain import BOOKED, History, Nonce, Order, Passenger, Refund
from refund_api.ports import Ledger
from refund_api.signing.keys import Key, KeyRing
from refund_api.signing.verifier import Verifier

PATH: Final = "/api/order/cancel"

T = TypeVar("T")
Headers = list[tuple[str, str]]
StartResponse = Callable[..., Callable[[bytes], object]]


class MemoryLedger:
    """Has one passenger of every order and forgets each refund, so that every call records."""

    def claim_nonce(self, nonce: Nonce, order_number: str) -> bool:
        return True

    def lock_order(self, order_number: str) -> Order | None:
        return Order(order_number, TRAIN_DATE, BOOKED, "CNY")

    def history(self, order_number: str, set_hash: str) -> History:
        return History({PASSENGER: Passenger(55350)}, frozenset(), None)

    def newest_feed(self) -> None:
        return None

    def record(self, refund: Refund, *, closes_order: bool) -> None:
        assert closes_order


class MemoryUnitOfWork:
    """Runs the work once, on a ledger without a transaction."""

    def __init__(self) -> None:
        self._ledger = MemoryLedger()

    def run(self, work: Callable[[Ledger], T]) -> T:
        return work(self._ledger)


@dataclass(frozen=True)
class Sample:
    """A request as a client of one format sends it, and the media type of the answer it must get."""

    name: str
    content_type: str
    accept: str
    body: bytes
    answer_type: str


SAMPLES: Final = (
    Sample("XML", "application/xml; charset=utf-8", "application/xml", REQUEST_XML, "application/xml"),
    Sample("JSON", "application/json; charset=utf-8", "application/json", REQUEST_JSON, "application/json"),
    Sample(
        "form",
        "application/x-www-form-urlencoded; charset=UTF-8",
        "application/json, text/javascript, */*; q=0.01",  # jQuery's, for an answer of JSON
        REQUEST_FORM,
        "application/json",
    ),
)


def make_service() -> flask.Flask:
    verifier = Verifier(KeyRing((Key("bench", "legacy", SECRET),)), timedelta(seconds=300), PATH)
    return create_app(handler=CancelOrder(MemoryUnitOfWork(), verifier), clock=lambda: NOW)


def make_constant_view(content: bytes, headers: Headers) -> flask.Flask:
    """The least that Flask can do: constant bytes; the request is never read."""
    bare = flask.Flask("constant")
    content_type = dict(headers)["Content-Type"]
    bare.post(PATH)(lambda: flask.Response(content, content_type=content_type))
    return bare


def make_reading_view(content: bytes, headers: Headers) -> flask.Flask:
    """The least that a service in its place must do: take the whole body, answer with the same bytes and headers."""
    bare = flask.Flask("reading")

    def view() -> flask.Response:
        body = flask.request.get_data()
        assert body
        return flask.Response(content, 200, headers)

    bare.post(PATH)(view)
    return bare


def bench_wsgi(rounds: int) -> tuple[dict[str, float], list[Goal]]:
    """Microseconds by contender, and the goals of each format."""
    service = make_service()
    calls: dict[str, Callable[[], object]] = {}
    views: dict[str, tuple[str, str, str]] = {}
    for sample in SAMPLES:
        content, headers = answer_of(service, sample)
        assert dict(headers)["Content-Type"].startswith(sample.answer_type), headers
        assert content.count(b"Cancelled") == 1, content
        reading_view = make_reading_view(content, headers)
        assert answer_of(reading_view, sample) == (content, headers)
        sends = f"{sample.name} ({len(sample.body)} bytes)"
        gets = f"{sample.answer_type.removeprefix('application/')} ({len(content)} bytes)"
        names = f"service, sends {sends}, gets {gets}", f"bare view, reads {sends}", f"bare view, lets {sends} lie"
        for name, application in zip(names, (service, reading_view, make_constant_view(content, headers)), strict=True):
            calls[name] = wsgi_call(application, sample)
        views[sample.name] = names
    times = medians(calls, rounds)
    return times, [goal for name, names in views.items() for goal in _goals(name, *(times[view] for view in names))]


def _goals(name: str, service: float, reading: float, constant: float) -> tuple[Goal, Goal]:
    return (
        Goal(f"WSGI call {name}, times the bare view that reads the body", service / reading, 1.8),
        Goal(f"WSGI call {name}, times the bare view that does not", service / constant, 2.2),
    )


def answer_of(application: flask.Flask, sample: Sample) -> tuple[bytes, Headers]:
    """Body and headers of a 200."""
    started: list[tuple[str, Headers]] = []

    def start_response(status: str, headers: Headers, exc_info: object = None) -> Callable[[bytes], object]:
        started.append((status, headers))
        return _write

    content = wsgi_call(application, sample, start_response)()
    ((status, headers),) = started
    assert status == "200 OK", (status, content)
    return content, headers


def _write(data: bytes) -> None:
    """Part of WSGI that Flask does not use."""


def _start_response(status: str, headers: Headers, exc_info: object = None) -> Callable[[bytes], object]:
    return _write


def wsgi_call(
    application: flask.Flask, sample: Sample, start_response: StartResponse = _start_response
) -> Callable[[], bytes]:
    """One request, from the server's environ to the bytes of the answer."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": PATH,
        "RAW_URI": PATH,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "HTTP_ACCEPT": sample.accept,
        "CONTENT_TYPE": sample.content_type,
        "CONTENT_LENGTH": str(len(sample.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }

    def call() -> bytes:
        answer: Any = application.wsgi_app({**environ, "wsgi.input": io.BytesIO(sample.body)}, start_response)
        content = b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()
        return content

    return call
