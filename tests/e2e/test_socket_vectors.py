"""The recorded answers once more through a real gunicorn socket: framework, negotiation and whole documents."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator

import pytest

from tests.conformance import Vector, bytes_of, differences, read_vectors
from tests.servers import ROOT, Gunicorn, gunicorn

VECTORS = [
    vector
    for vector in read_vectors([ROOT / "tests" / "vectors" / "parity"])
    if vector["group"].startswith(("fw.", "neg.")) or vector["group"] == "xml.doc"
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
    assert len(VECTORS) > 900
    assert answered_wrongly(server, VECTORS) == {}
