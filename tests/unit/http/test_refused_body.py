"""The rest of a refused body is read, within bounds; past them the connection is told to end."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app import create_app
from refund_api.http.refused_body import MAX_DRAINED, drain
from refund_api.ports import LedgerUnavailable
from tests.conformance import Recorder, environ_of


class Body(io.BytesIO):
    """What a server gives as wsgi.input: a stream that ends, and that can be told to end the connection."""

    ended = False

    def end_connection(self) -> None:
        self.ended = True


class Failing(Body):
    def read(self, size: int | None = -1) -> bytes:
        raise ValueError("bad chunk")


def environ(body: io.RawIOBase | Body, **more: Any) -> dict[str, Any]:
    return {"wsgi.input": body, "wsgi.input_terminated": True, "CONTENT_LENGTH": "9", **more}


@pytest.mark.parametrize("length", [0, 9, 65_537, MAX_DRAINED - 65_536])
def test_a_body_within_the_bound_is_read_to_its_end_and_the_connection_lives(length: int) -> None:
    body = Body(b"x" * length)
    drain(environ(body))
    assert (body.tell(), body.ended) == (length, False)


def test_of_a_longer_body_no_more_than_the_bound_is_read_and_the_connection_ends() -> None:
    body = Body(b"x" * (MAX_DRAINED + 100_000))
    drain(environ(body))
    assert (body.tell(), body.ended) == (MAX_DRAINED, True)


def test_a_chunked_body_is_drained_too() -> None:
    body = Body(b"x" * 100)
    drain({"wsgi.input": body, "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"})
    assert body.tell() == 100


def test_a_body_that_cannot_be_read_ends_the_connection() -> None:
    body = Failing()
    drain(environ(body))
    assert body.ended


@pytest.mark.parametrize("lacking", ["wsgi.input_terminated", "CONTENT_LENGTH"])
def test_without_an_end_or_without_a_body_nothing_is_read(lacking: str) -> None:
    """A server's plain stream would wait there for the next request."""
    body = Failing()
    given = environ(body)
    del given[lacking]
    drain(given)
    drain(environ(body, CONTENT_LENGTH="0"))
    drain(environ(body, CONTENT_LENGTH=""))
    assert not body.ended


def test_a_server_that_ends_connections_by_itself_is_left_alone() -> None:
    drain(environ(io.BytesIO(b"x" * (MAX_DRAINED + 1))))  # type: ignore[arg-type]


class OfConnection(Body):
    """Reads a whole step from a socket, as gunicorn does, however long the client takes for it."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self.connection = connection

    def read(self, size: int | None = -1) -> bytes:
        given = b""
        while len(given) < (size or 0) and (part := self.connection.recv(1)):
            given += part
        return given


@contextmanager
def client_sending(parts: Iterator[bytes]) -> Iterator[socket.socket]:
    """The server's side of a connection whose client sends these, one each hundredth of a second, and stays."""
    server, client = socket.socketpair()
    stopping = threading.Event()

    def send() -> None:
        for part in parts:
            if stopping.wait(0.01):
                return
            try:
                client.send(part)
            except OSError:
                return

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield server
    finally:
        stopping.set()
        sender.join()
        client.close()
        server.close()


@pytest.mark.parametrize("parts", [[], [b"x"] * 100_000], ids=["nothing", "a byte now and then"])
def test_a_client_that_does_not_go_on_holds_the_thread_for_the_seconds_and_no_longer(parts: list[bytes]) -> None:
    with client_sending(iter(parts)) as connection:
        body = OfConnection(connection)
        drain(environ(body, **{"gunicorn.socket": connection}), seconds=0.2)
        assert body.ended


def test_the_timer_stops_with_the_body_and_the_connection_stays_readable() -> None:
    with client_sending(iter([])) as connection:
        drain(environ(Body(b"x"), **{"gunicorn.socket": connection}), seconds=5)
        for thread in threading.enumerate():
            if isinstance(thread, threading.Timer):
                thread.join()
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):
            connection.recv(1)


class OnlyOnce(Body):
    """A body that must not be touched when its promised bytes have been given."""

    def read(self, size: int | None = -1) -> bytes:
        assert self.tell() < 2, "read again"
        return super().read(size)


def away(*_: Any) -> Any:
    raise LedgerUnavailable("away")


def broken(*_: Any) -> Any:
    raise ZeroDivisionError


@pytest.mark.parametrize(("handler", "status"), [(Recorder(), "200"), (away, "503"), (broken, "500")])
def test_a_body_that_was_taken_is_not_touched_again(handler: Any, status: str) -> None:
    assert status_of("POST", "/api/order/cancel", OnlyOnce(b"{}"), handler)[:3] == status


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/api/order/cancel", {"CONTENT_LENGTH": "65537"}, "413"),
        ("POST", "/nowhere", {}, "404"),
        ("POST", "///api/order/cancel", {}, "404"),
        ("PUT", "/api/order/cancel", {}, "405"),
        ("POST", "/api/order/cancel", {"HTTP_CONTENT_ENCODING": "gzip"}, "415"),
        ("POST", "/api/order/cancel", {"HTTP_TRANSFER_ENCODING": "gzip, chunked"}, "501"),
    ],
)
def test_whatever_a_request_is_refused_for_its_body_is_drained(
    method: str, path: str, headers: dict[str, str], status: str
) -> None:
    body = Body(b"x" * 70_000)
    assert status_of(method, path, body, Recorder(), **headers)[:3] == status
    assert body.tell() == 70_000


def status_of(method: str, path: str, body: Body, handler: Any, **headers: str) -> str:
    request = {
        "method": method,
        "path": path,
        "headers": [["Content-Type", "application/json"]],
        "body": {"text": "{}"},
    }
    started: list[str] = []
    app: Any = create_app(handler=handler)
    sent = environ_of(request) | headers | {"wsgi.input": body}
    b"".join(app(sent, lambda status, *_: started.append(status)))
    return started[0]
