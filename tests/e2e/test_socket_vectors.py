"""The recorded answers once more through a real gunicorn socket: framework, negotiation and whole documents.

And what docs/deviations.md says of requests that no HTTP client can be made to send.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator

import pytest

from tests.conformance import Vector, bytes_of, differences, read_vectors
from tests.servers import ROOT, Gunicorn, gunicorn
from tests.vectors.deviations import LISTED

VECTORS = [
    vector
    for vector in read_vectors([ROOT / "tests" / "vectors" / "parity"])
    if vector["group"].startswith(("fw", "neg")) or vector["group"] in ("xml.doc", "xml2.doc")
    if vector["id"] not in LISTED
]
KEYS = '{"keys": [{"kid": "test", "scheme": "legacy", "secret": "a shared secret of thirty-two b."}]}'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    folder = tmp_path_factory.mktemp("gunicorn")
    env = {"REFUND_API_KEYS": KEYS, "REFUND_API_DATABASE_URL": f"sqlite:///{folder}/never-opened.db"}
    with gunicorn("tests.e2e.recording:app", folder / "gunicorn.log", env) as server:
        yield server


def send(connection: http.client.HTTPConnection, vector: Vector) -> Vector:
    """One vector as bytes on the wire, nothing added but X-Answer; the outcome as `replay` gives it."""
    request = vector["request"]
    connection.putrequest(request["method"], request["path"], skip_host=True, skip_accept_encoding=True)
    connection.putheader("Host", "localhost")
    connection.putheader("X-Answer", json.dumps(vector["answer"] or {}))
    for name, value in request["headers"]:
        connection.putheader(name, value.encode())
    body = bytes_of(request["body"])
    if request["body"] is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    response = connection.getresponse()
    outcome = {
        "status": response.status,
        "headers": {name: v for name in ("Content-Type", "Allow") if (v := response.headers[name]) is not None},
        "body": response.read(),
    }
    seen = json.loads(response.headers["X-Seen"] or "[]")
    return outcome | {"action_ran": bool(seen)} | (seen[0] if seen else {})


def answered_wrongly(server: Gunicorn, vectors: list[Vector]) -> dict[str, list[str]]:
    wrong = {}
    connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
    for vector in vectors:
        found = differences(vector, send(connection, vector))
        if found:
            wrong[vector["id"]] = found
    connection.close()
    return wrong


def test_every_vector_holds_through_gunicorn(server: Gunicorn) -> None:
    assert len(VECTORS) > 1700
    assert answered_wrongly(server, VECTORS) == {}


def status_of(server: Gunicorn, target: bytes, *headers: bytes, body: bytes = b"{}") -> tuple[int, str]:
    """Status and media type of the answer to a POST of these bytes."""
    lines = [b"POST %s HTTP/1.1" % target, b"Host: localhost", b"Connection: close", *headers, b"", body]
    with socket.create_connection((server.host, server.port), timeout=10) as client:
        client.sendall(b"\r\n".join(lines))
        response = http.client.HTTPResponse(client)
        response.begin()
        return response.status, response.headers.get_content_type()


PATH = b"/api/order/cancel"
JSON = b"Content-Type: application/json"
LENGTH = b"Content-Length: 2"
IN_HTML = (400, "text/html")


@pytest.mark.parametrize(
    ("target", "headers", "answer"),
    [
        (PATH + "/取".encode(), [JSON, LENGTH], IN_HTML),
        (PATH + "?x=取".encode(), [JSON, LENGTH], IN_HTML),
        (PATH + b" x", [JSON, LENGTH], IN_HTML),
        (PATH + b"?x=a\tb", [JSON, LENGTH], IN_HTML),
        (PATH, [JSON, JSON, LENGTH], IN_HTML),
        (PATH, [JSON, b"Accept: text/json,\r\n text/xml", LENGTH], IN_HTML),
        (PATH, [JSON, LENGTH, LENGTH], IN_HTML),
        (PATH, [JSON, LENGTH, b"X-Name value"], IN_HTML),
        (PATH, [JSON, LENGTH, b"X-Name : value"], IN_HTML),
        (PATH, [JSON, LENGTH, b"Expect: miracles"], (417, "text/html")),
        (PATH, [JSON, LENGTH, b"Transfer-Encoding: chunked"], IN_HTML),
        (PATH, [JSON, b"Transfer-Encoding: gzip"], IN_HTML),
        (PATH, [JSON, b"Transfer-Encoding: chunked, chunked"], IN_HTML),
        (PATH, [JSON, b"Transfer-Encoding: br, chunked"], (501, "text/html")),
        (PATH, [JSON, LENGTH, *(b"X-%d: a" % n for n in range(48))], (431, "text/html")),
        (PATH, [JSON, LENGTH, b"X: " + b"a" * 8190], (431, "text/html")),
        (PATH + b"?" + b"a" * 4100, [JSON, LENGTH], (414, "text/html")),
    ],
)
def test_what_gunicorn_cannot_read_it_answers_in_html(
    server: Gunicorn, target: bytes, headers: list[bytes], answer: tuple[int, str]
) -> None:
    assert status_of(server, target, *headers) == answer


def test_the_most_that_gunicorn_reads_is_answered_by_the_application(server: Gunicorn) -> None:
    headers = [JSON, LENGTH, *(b"X-%d: a" % n for n in range(45)), b"X: " + b"a" * 8180]
    assert status_of(server, PATH + b"?" + b"a" * 4000, *headers) == (200, "application/json")


@pytest.mark.parametrize("target", [b"/api/x/%2e%2e/order/cancel", b"/api/x/../order/cancel", b"/api/%2E/order/cancel"])
def test_dot_segments_in_a_path_are_segments_like_others(server: Gunicorn, target: bytes) -> None:
    assert status_of(server, target, JSON, LENGTH) == (404, "application/json")
    assert status_of(server, PATH + b"/%2e%2e", JSON, LENGTH) == (200, "application/json")


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"deflate,chunked", b"identity, chunked"])
def test_a_chunked_body_in_another_coding_is_refused_and_the_connection_ends(server: Gunicorn, coding: bytes) -> None:
    chunks = b"2\r\n{}\r\n0\r\n\r\n"
    answer = status_of(server, PATH, JSON, b"Transfer-Encoding: " + coding, body=chunks)
    assert answer == (501, "application/json")
