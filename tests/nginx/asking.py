"""One request through a site, and its answer as it came."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from tests.servers import Server

from .site import TIMEOUT, Site

PATH = "/api/order/cancel"
JSON = {"Content-Type": "application/json"}

# What a proxy writes anew on its way, or what is about the connection and the length.
_OF_THE_CONNECTION = {"Server", "Date", "Connection", "Keep-Alive", "Content-Length", "Transfer-Encoding"}


@dataclass(frozen=True)
class Answer:
    """Status, headers without those of the connection, content."""

    status: int
    headers: Mapping[str, str]
    content: bytes


def ask(
    server: Server,
    method: str = "POST",
    path: str = PATH,
    body: bytes = b"{}",
    headers: Mapping[str, str] = JSON,
) -> Answer:
    """The answer to one request on a connection of its own."""
    connection = server.connection(TIMEOUT)
    try:
        connection.request(method, path, body, dict(headers))
        return _answer(connection.getresponse())
    finally:
        connection.close()


def ask_raw(site: Site, request: bytes) -> Answer:
    """The answer to bytes that no HTTP client would send."""
    with (
        socket.create_connection(("127.0.0.1", site.port), timeout=TIMEOUT) as plain,
        site.context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(request)
        return read_answer(connection)


def read_answer(connection: socket.socket) -> Answer:
    """The next answer on a connection."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    return _answer(response)


def _answer(response: http.client.HTTPResponse) -> Answer:
    headers = {name: value for name, value in response.getheaders() if name.title() not in _OF_THE_CONNECTION}
    assert len(headers) == len([name for name, _ in response.getheaders() if name.title() not in _OF_THE_CONNECTION])
    return Answer(response.status, headers, response.read())
