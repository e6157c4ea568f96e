"""What nginx answers by itself has the bytes, the headers and the formats of the service's own answers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from refund_api import words
from refund_api.events import TRY_AGAIN
from refund_api.http.formatters import formatters_for
from refund_api.http.media import HttpError
from refund_api.http.negotiation import negotiate
from tests.servers import Gunicorn
from xml_contracts.refund import ApiResult, TicketRefundRequest

from .asking import JSON, PATH, Answer, ask, ask_raw, read_answer
from .site import LISTED, TIMEOUT, Site, running_site

FORMATTERS = formatters_for(TicketRefundRequest, ApiResult)
NOT_CACHED = {"Cache-Control": "no-cache", "Pragma": "no-cache", "Expires": "-1"}
TRY_AGAIN_RESULT: ApiResult = ApiResult(TRY_AGAIN, words.TRY_AGAIN)
XML = {"Content-Type": "application/xml", "Accept": "application/xml"}
ENVELOPES = ("JSON", "XML")

REQUESTED_TYPES = (None, "application/json", "application/xml; charset=utf-8", "text/xml", "text/json", "text/plain")
ACCEPTED = (
    None,
    "*/*",
    "application/*",
    "text/*",
    "application/json",
    "application/json, text/javascript, */*; q=0.01",
    "application/xml",
    "text/xml",
    "text/json",
    "application/xml, application/json",
    "application/xml;q=0.9, */*;q=0.8",
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "text/html",
    "application/problem+json",
    "application/vnd.xml",
)


def written(value: ApiResult | HttpError, content_type: str | None, accept: str | None) -> tuple[str, bytes]:
    """Content-Type and content, as the service writes them."""
    chosen = negotiate(content_type, accept, None, None, FORMATTERS)
    assert chosen.writer.write is not None
    return f"{chosen.media_type}; charset=utf-8", chosen.writer.write(value, "utf-8")


@pytest.mark.parametrize("content_type", REQUESTED_TYPES)
@pytest.mark.parametrize("accept", ACCEPTED)
def test_the_format_is_the_one_that_the_service_would_choose(
    site_without_node: Site, content_type: str | None, accept: str | None
) -> None:
    sent = {"Content-Type": content_type, "Accept": accept}
    answer = ask(site_without_node, headers={name: value for name, value in sent.items() if value is not None})
    assert (answer.headers["Content-Type"], answer.content) == written(TRY_AGAIN_RESULT, content_type, accept)


def expected(status: int, value: ApiResult | HttpError, envelope: str, more: dict[str, str] | None = None) -> Answer:
    accept = "application/xml" if envelope == "XML" else None
    content_type, content = written(value, None, accept)
    return Answer(status, {"Content-Type": content_type, **NOT_CACHED, **(more or {})}, content)


def accepting(envelope: str) -> dict[str, str]:
    return {"Accept": "application/xml"} if envelope == "XML" else {}


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_a_node_that_is_away_is_code_3001(site_without_node: Site, envelope: str) -> None:
    answer = ask(site_without_node, headers=accepting(envelope))
    assert answer == expected(503, TRY_AGAIN_RESULT, envelope, {"Retry-After": "2"})


@pytest.fixture
def hanging_node() -> Iterator[str]:
    """The address of a node that takes connections and says nothing."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_nodes_that_hang_are_code_3001_after_one_wait(hanging_node: str, tmp_path: Path) -> None:
    with running_site(tmp_path / "site", [hanging_node, hanging_node]) as site, ThreadPoolExecutor(2) as pool:
        headers = [{**accepting(envelope), "X-Request-ID": envelope} for envelope in ENVELOPES]
        answers = list(pool.map(lambda sent: ask(site, headers=sent), headers))
        waited = [float(site.logged(envelope)["seconds"]) for envelope in ENVELOPES]
    assert answers == [
        expected(503, TRY_AGAIN_RESULT, envelope, {"Retry-After": "2", "X-Request-ID": envelope})
        for envelope in ENVELOPES
    ]
    assert all(15 <= seconds < 30 for seconds in waited)


@pytest.mark.parametrize("envelope", ENVELOPES)
@pytest.mark.parametrize(
    ("path", "headers", "status", "message"),
    [
        ("/healthz", {}, 404, "No HTTP resource was found that matches the request URI."),
        (f"{PATH}?{'a' * 5000}", {}, 414, "The request URI is too long."),
        (PATH, {"X": "a" * 9000}, 431, "A header of the request is too long, or there are too many."),
        (PATH, {f"X-{n}": "a" for n in range(60)}, 431, "A header of the request is too long, or there are too many."),
        (
            PATH,
            {f"X-{n}": "a" * 7000 for n in range(6)},
            431,
            "A header of the request is too long, or there are too many.",
        ),
        (PATH, {"Content-Length": "2000000"}, 413, "The request entity is longer than 65536 bytes."),
    ],
)
def test_a_refusal_has_the_shape_of_the_frameworks(
    site: Site, path: str, headers: dict[str, str], status: int, message: str, envelope: str
) -> None:
    answer = ask(site, path=path, headers={**accepting(envelope), **headers})
    assert answer == expected(status, HttpError(message), envelope)


@pytest.mark.parametrize(
    ("request_", "status", "message"),
    [
        (b"post %s HTTP/1.1\r\nHost: a\r\n\r\n", 400, "The request cannot be read."),
        (b"POST %s/%%00 HTTP/1.1\r\nHost: a\r\nAccept: text/xml\r\n\r\n", 400, "The request cannot be read."),
        (
            b"POST %s?" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\nAccept: text/xml\r\n\r\n",
            414,
            "The request URI is too long.",
        ),
        (b"POST %s HTTP/1.1\r\n\r\n", 400, "The request cannot be read."),
        (b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400, "The request cannot be read."),
        (b"POST %s HTTP/3.0\r\nHost: a\r\n\r\n", 505, "The HTTP version of the request is not supported."),
        (
            b"POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
            501,
            "The request entity's transfer encoding is not supported: it can be 'chunked' alone.",
        ),
    ],
)
def test_what_nginx_refuses_before_it_has_read_the_headers_is_json(
    site: Site, request_: bytes, status: int, message: str
) -> None:
    assert ask_raw(site, request_ % PATH.encode()) == expected(status, HttpError(message), "JSON")


@pytest.mark.parametrize(
    "request_",
    [
        b"POST %s\xe5\x8f\x96 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
        b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: text/xml\r\nContent-Type: text/xml\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
def test_what_gunicorn_refuses_in_a_page_of_its_own_comes_in_the_shape_of_the_service(
    site: Site, request_: bytes
) -> None:
    answer = ask_raw(site, request_ % b"/api/order/cancel/")
    assert answer.status == 400
    assert answer.content in {
        written(HttpError("The request cannot be read."), type_, None)[1] for type_ in (None, "text/xml")
    }


def test_plain_http_to_the_port_of_tls_is_refused_in_the_same_shape(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=TIMEOUT) as connection:
        connection.sendall(
            b"POST %s HTTP/1.1\r\nHost: a\r\nAccept: text/xml\r\nContent-Length: 0\r\n\r\n" % PATH.encode()
        )
        answer = read_answer(connection)
    assert (answer.status, answer.content) == (
        400,
        written(HttpError("The request cannot be read."), None, "text/xml")[1],
    )


@pytest.mark.parametrize("headers", [JSON, XML])
def test_a_body_too_long_gets_the_answer_of_the_service_whoever_refuses_it(
    site: Site, node: Gunicorn, headers: dict[str, str]
) -> None:
    direct = ask(node, body=b"x" * 70_000, headers=headers)
    assert direct.status == 413
    assert ask(site, body=b"x" * 70_000, headers=headers) == direct
    assert ask(site, body=b"x" * 2_000_000, headers=headers) == direct


@pytest.mark.parametrize("headers", [JSON, XML])
def test_a_404_of_nginx_has_the_headers_of_one_of_the_service(
    site: Site, node: Gunicorn, headers: dict[str, str]
) -> None:
    direct, by_nginx = (ask(server, path="/nowhere", headers=headers) for server in (node, site))
    assert (direct.status, direct.headers) == (by_nginx.status, by_nginx.headers)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
def test_methods_that_nginx_refuses_get_the_405_of_the_service(site: Site, node: Gunicorn, method: str) -> None:
    message = f"The requested resource does not support http method '{method}'."
    answer = ask_raw(site, b"%s %s HTTP/1.1\r\nHost: a\r\n\r\n" % (method.encode(), PATH.encode()))
    assert answer == expected(405, HttpError(message), "JSON", {"Allow": "POST"})


CORS = {"Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Vary"}


@pytest.mark.parametrize(("path", "body"), [("/nowhere", b"{}"), (PATH, b"x" * 2_000_000), (PATH, b"x" * 70_000)])
def test_pages_of_a_listed_origin_may_read_what_nginx_refuses(site: Site, path: str, body: bytes) -> None:
    listed = ask(site, path=path, body=body, headers={**JSON, "Origin": LISTED})
    other = ask(site, path=path, body=body, headers={**JSON, "Origin": "https://shop.example.com.evil.example"})
    assert {name: listed.headers[name] for name in CORS} == {
        "Access-Control-Allow-Origin": LISTED,
        "Access-Control-Expose-Headers": "Retry-After, Date, X-Request-ID, X-Data-Contract-Ignored",
        "Vary": "Origin",
    }
    assert not CORS & other.headers.keys()


def test_pages_of_a_listed_origin_may_read_that_no_node_is_there(site_without_node: Site) -> None:
    answer = ask(site_without_node, headers={**JSON, "Origin": LISTED})
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (503, LISTED)
    assert not CORS & ask(site_without_node).headers.keys()


def test_with_the_line_for_any_origin_every_page_may_read(tmp_path: Path) -> None:
    with running_site(tmp_path / "site", ["127.0.0.1:1"], origins="~. *;") as site:
        assert ask(site, headers={**JSON, "Origin": "https://a.example"}).headers["Access-Control-Allow-Origin"] == "*"
        assert not CORS & ask(site).headers.keys()
