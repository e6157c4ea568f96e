"""The pages for operators: what they tell, and that everything else stays what the legacy had."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask

from app import create_app
from refund_api.ops import build
from refund_api.ops.pages import Pages, make_pages
from refund_api.ports import LedgerUnavailable
from refund_api.settings import Settings
from refund_api.storage import schema
from refund_api.storage.health import Examined
from tests.conformance import environ_of
from xml_contracts.refund import ApiResult

PATHS = ("/healthz", "/readyz", "/metrics", "/version")
FINE = Examined("0001", [])


def away() -> Examined:
    raise LedgerUnavailable("the server answers neither")


def app_with(examine: Callable[[], Examined] = lambda: FINE, *, draining: bool = False) -> Flask:
    app = Flask(__name__, static_folder=None)
    app.register_blueprint(make_pages(Pages(lambda: True, examine, lambda: draining, lambda: b"figures 1\n")))
    return app


@dataclass(frozen=True)
class Answer:
    status: str
    headers: list[tuple[str, str]]
    body: bytes


def ask(app: Flask, path: str, method: str = "GET") -> Answer:
    """What the application gives a WSGI server; a test client would normalise the path."""
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        started.append((status, headers))

    body = {"text": "x=1"} if method == "POST" else None
    content = b"".join(app(environ_of({"method": method, "path": path, "headers": [], "body": body}), start_response))
    ((status, headers),) = started
    return Answer(status, headers, content)


@pytest.mark.parametrize("examine", [lambda: FINE, away])
def test_the_process_is_alive_whatever_its_database_does(examine: Callable[[], Examined]) -> None:
    answer = app_with(examine).test_client().get("/healthz")
    assert (answer.status_code, answer.get_json()) == (200, {"alive": True})


def test_a_service_that_can_work_is_ready() -> None:
    answer = app_with().test_client().get("/readyz")
    assert (answer.status_code, answer.get_json()) == (200, {"ready": True, "reasons": []})


@pytest.mark.parametrize(
    ("app", "reasons"),
    [
        (app_with(away), ["the database cannot be used: the server answers neither"]),
        (app_with(lambda: Examined("0000", ["run `db upgrade`", "full"])), ["run `db upgrade`", "full"]),
        (app_with(draining=True), ["draining: this process was told to end"]),
        (app_with(away, draining=True), ["draining: this process was told to end"]),
    ],
)
def test_a_service_that_cannot_work_says_why(app: Flask, reasons: list[str]) -> None:
    answer = app.test_client().get("/readyz")
    assert (answer.status_code, answer.get_json()) == (503, {"ready": False, "reasons": reasons})


def test_the_figures_are_in_the_format_of_prometheus() -> None:
    answer = app_with().test_client().get("/metrics")
    assert (answer.status_code, answer.data) == (200, b"figures 1\n")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize(("examine", "revision"), [(lambda: FINE, "0001"), (away, None)])
def test_the_version_tells_what_runs_and_on_which_schema(examine: Callable[[], Examined], revision: str | None) -> None:
    version = app_with(examine).test_client().get("/version").get_json()
    assert version["schema"] == {"needed": schema.head(), "database": revision}
    assert version["python"] == sys.version.split()[0]
    assert version["version"] == build.VERSION
    assert re.fullmatch(r"\d+\.\d+\.\d+", version["version"])


@pytest.mark.parametrize("path", PATHS)
def test_no_page_is_kept_by_a_cache_and_head_has_no_body(path: str) -> None:
    client = app_with().test_client()
    assert client.get(path).headers["Cache-Control"] == "no-store"
    head = client.head(path)
    assert (head.status_code, head.data) == (200, b"")


# --- beside the legacy ----------------------------------------------------------------------------------------------


def service(*, ops: bool = True) -> Flask:
    return create_app(Settings(ops=ops), handler=lambda reading, context: ApiResult(1, "ok"))


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "BREW"])
@pytest.mark.parametrize("path", PATHS)
def test_switched_off_a_page_is_the_404_of_a_path_that_never_was(path: str, method: str) -> None:
    answer, never = (ask(service(ops=False), p, method) for p in (path, "/neverwas"))
    assert answer.status == "404 Not Found"
    assert answer.body.replace(path.encode(), b"/neverwas") == never.body
    assert [h for h in answer.headers if h[0] != "Content-Length"] == [
        h for h in never.headers if h[0] != "Content-Length"
    ]


@pytest.mark.parametrize(
    "path", ["//healthz", "///healthz", "/healthz/", "/HEALTHZ", "/healthz/x", "/api/healthz", "/healthz;x", "/", ""]
)
def test_switched_on_every_other_path_stays_what_it_was(path: str) -> None:
    assert ask(service(), path) == ask(service(ops=False), path)
    assert ask(service(), path).status == "404 Not Found"


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "PUT", "BREW"])
def test_a_page_takes_no_other_method(method: str) -> None:
    answer = ask(service(), "/healthz", method)
    assert answer.status == "405 Method Not Allowed"
    assert ("Allow", "GET, HEAD") in answer.headers
    assert answer.body == f'{{"Message":"The requested resource does not support http method \'{method}\'."}}'.encode()
