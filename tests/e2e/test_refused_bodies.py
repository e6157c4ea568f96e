"""A refused body leaves its connection as the answer says: usable for the next request, or closed.

tests/attack/refused_bodies.py shows the same through a real nginx, where the next request is another client's.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator

import pytest

from tests.attack.refused_bodies import ACTION, JSON, KEYS, REFUSALS, Refusal
from tests.servers import Gunicorn, gunicorn

TIMEOUT = 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    folder = tmp_path_factory.mktemp("gunicorn")
    env = {"REFUND_API_KEYS": KEYS, "REFUND_API_DATABASE_URL": f"sqlite:///{folder}/never-opened.db"}
    with gunicorn("wsgi:app", folder / "gunicorn.log", env) as server:
        yield server


def ask(
    connection: http.client.HTTPConnection, refusal: Refusal, body: bytes, *, chunked: bool
) -> tuple[int, str | None]:
    """Status and Connection header of the answer to a body that is refused."""
    given = iter([body]) if chunked else body
    headers = {**JSON, **dict(refusal.headers)}
    connection.request(refusal.method, refusal.path, given, headers, encode_chunked=chunked)
    response = connection.getresponse()
    response.read()
    return response.status, response.headers["Connection"]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [65_537, 300_000, 1_000_000])
@pytest.mark.parametrize("refusal", REFUSALS)
def test_the_next_request_on_the_connection_is_answered(
    server: Gunicorn, refusal: Refusal, size: int, chunked: bool
) -> None:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=TIMEOUT)
    assert ask(connection, refusal, b"x" * size, chunked=chunked) == (refusal.status, "keep-alive")
    own_port = connection.sock.getsockname()[1]
    connection.request("POST", ACTION, b"{}", JSON)
    assert connection.getresponse().status == 200
    assert connection.sock.getsockname()[1] == own_port, "the client had to connect again"
    connection.close()


@pytest.mark.parametrize("promise", [b"Content-Length: 5000000", b"Transfer-Encoding: chunked"])
def test_past_the_bound_in_bytes_the_answer_says_that_the_connection_closes(server: Gunicorn, promise: bytes) -> None:
    chunk = b"%x\r\n%s\r\n" % (1_000_000, b"x" * 1_000_000) if b"chunked" in promise else b"x" * 1_000_000
    assert answer_to(server, promise, chunk * 4 + chunk[:300_000]) == (413, "close")


@pytest.mark.parametrize("promise", [b"Content-Length: 70000", b"Transfer-Encoding: chunked"])
def test_past_the_bound_in_seconds_the_answer_says_that_the_connection_closes(server: Gunicorn, promise: bytes) -> None:
    sent = b"%x\r\n%s\r\n" % (66_000, b"x" * 66_000) if b"chunked" in promise else b"x" * 100
    assert answer_to(server, promise, sent) == (413, "close")


def answer_to(server: Gunicorn, promise: bytes, sent: bytes) -> tuple[int, str | None]:
    """Status and Connection header when no more than this is sent of the promised body."""
    head = b"POST /api/order/cancel HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\n" % promise
    with socket.create_connection((server.host, server.port), timeout=TIMEOUT) as connection:
        connection.sendall(head + sent)
        response = http.client.HTTPResponse(connection)
        response.begin()
        return response.status, response.headers["Connection"]
