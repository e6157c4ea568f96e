"""The recorded ledger of tests/fixtures/first_house, asked of several servers at once."""

from __future__ import annotations

import http.client
import json
import random
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.conformance import bytes_of
from tests.integration.test_first_house import FIXTURE, RECORDED
from tests.servers import Gunicorn

TARGET = "stopped_clock:app"
_CLIENTS = 8
_REPLAYS = 5
_TIMEOUT = 20.0

Line = Mapping[str, Any]
"""A line of requests.jsonl."""

Given = tuple[int, str | None, bytes]
"""Status, content type and body of an answer."""


def recorded_environment() -> dict[str, str]:
    """What a gunicorn needs to serve TARGET: the key ring and the time of the recording."""
    recording = json.loads((FIXTURE / "recording.json").read_bytes())
    return {
        "PYTHONPATH": str(Path(__file__).with_name("targets")),
        "STOPPED_AT": recording["now"],
        "REFUND_API_KEYS": json.dumps(recording["key_ring"]),
    }


def replay(servers: Mapping[str, Gunicorn]) -> tuple[int, list[str]]:
    """How many requests were sent, each several times to every server, in random order; and what was wrong."""
    asked = [(side, line) for side in servers for line in RECORDED] * _REPLAYS
    random.shuffle(asked)

    def ask(side: str, line: Line) -> str | None:
        return differing(side, line, _send(servers[side], line["request"]))

    with ThreadPoolExecutor(_CLIENTS) as pool:
        sentences = set(pool.map(ask, *zip(*asked, strict=True)))
    return len(asked), sorted(filter(None, sentences))


def differing(side: str, line: Line, given: Given) -> str | None:
    """A sentence when a server did not give the recorded answer."""
    answer = line["answer"]
    if given == (200, answer["content_type"], bytes_of(answer["body"])):
        return None
    return f"the {side} code answers {line['id']} with {given}"


def _send(server: Gunicorn, request: Mapping[str, Any]) -> Given:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=_TIMEOUT)
    try:
        connection.request(request["method"], request["path"], bytes_of(request["body"]), dict(request["headers"]))
        response = connection.getresponse()
        return response.status, response.headers["Content-Type"], response.read()
    finally:
        connection.close()
