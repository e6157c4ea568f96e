"""The demo as `make run` makes it, on a real gunicorn: prepare, serve, post what was printed, stop."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from tests.servers import ROOT, START_TIMEOUT, Gunicorn, free_port, gunicorn
from xml_contracts.refund import ApiResult
from xml_contracts.serializer import DataContractSerializer

BODY_PAUSE = 0.3


@dataclass(frozen=True)
class Demo:
    """What `quickstart` printed, and the environment that serves it."""

    requests: list[list[str]]
    env: dict[str, str]


@pytest.fixture
def demo(tmp_path: Path) -> Demo:
    env = {
        "REFUND_API_DATABASE_URL": f"sqlite:///{tmp_path}/instance/refunds.db",
        "REFUND_API_TOLERANCE_SECONDS": "86400",
    }
    keys = str(tmp_path / "instance" / "keys.json")
    command = [sys.executable, "-m", "flask", "--app", "app", "quickstart", "--keys", keys]
    output = subprocess.run(
        [*command, "--url", f"http://127.0.0.1:{free_port()}"],
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=True,
        timeout=START_TIMEOUT,
    ).stdout
    requests = [shlex.split(line) for line in output.splitlines() if line.startswith("curl ")]
    return Demo(requests, {**env, "REFUND_API_KEYS_FILE": keys})


@pytest.fixture
def server(demo: Demo, tmp_path: Path) -> Iterator[Gunicorn]:
    with gunicorn("wsgi:app", tmp_path / "gunicorn.log", demo.env, workers=2) as running:
        yield running


def headers_of(words: list[str]) -> dict[str, str]:
    sent = [value for option, value in pairwise(words) if option == "-H"]
    return dict(header.split(": ", 1) for header in sent)


def body_of(words: list[str]) -> bytes:
    return words[words.index("--data-raw") + 1].encode()


def post(server: Gunicorn, words: list[str]) -> ApiResult:
    """Send what curl would send, to the server of this test."""
    request = Request(server.url + urlsplit(words[-1]).path, body_of(words), headers_of(words))
    with urlopen(request, timeout=START_TIMEOUT) as response:
        content, media_type = response.read(), response.headers["Content-Type"]
    if media_type == "application/json; charset=utf-8":
        return ApiResult(**json.loads(content))
    assert media_type == "application/xml; charset=utf-8"
    result = DataContractSerializer(ApiResult).read(content)
    assert result is not None
    return result


def test_each_printed_request_answers_code_1_and_a_repeat_gives_the_same_number(demo: Demo, server: Gunicorn) -> None:
    first = [post(server, words) for words in demo.requests]
    assert [(result.code, result.message) for result in first] == [(1, "Cancelled")] * 3
    assert len({result.data for result in first}) == 3
    assert [post(server, words) for words in demo.requests] == first


def test_a_line_says_that_the_service_is_ready(server: Gunicorn) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while f'"ready: {server.url}"' not in server.log.read_text():
        assert time.monotonic() < deadline, server.log.read_text()
        time.sleep(0.05)


def test_sigterm_lets_a_request_in_flight_finish_and_exits_with_0(demo: Demo, server: Gunicorn) -> None:
    assert post(server, demo.requests[1]).code == 1  # a worker is up
    words = demo.requests[0]
    body = body_of(words)
    head = f"POST {urlsplit(words[-1]).path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with socket.create_connection((server.host, server.port), timeout=START_TIMEOUT) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:20])
        with pytest.raises(TimeoutError):
            receive_for(connection, BODY_PAUSE)  # the worker has the request and waits for the rest
        server.process.terminate()
        with pytest.raises(TimeoutError):
            receive_for(connection, BODY_PAUSE)
        connection.sendall(body[20:])
        connection.settimeout(START_TIMEOUT)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b'{"code":1,"message":"Cancelled"' in answer
    assert server.process.wait(START_TIMEOUT) == 0


def receive_for(connection: socket.socket, seconds: float) -> None:
    connection.settimeout(seconds)
    connection.recv(1)


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({}, "There is no key ring: set REFUND_API_KEYS_FILE"),
        ({"REFUND_API_THREADS": "four"}, "REFUND_API_THREADS must be a whole number from 1 to 64, not 'four'"),
    ],
)
def test_settings_that_cannot_serve_end_the_server_with_words_and_no_traceback(env: dict[str, str], words: str) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("REFUND_API_")}
    result = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{free_port()}", "wsgi:app"],
        cwd=ROOT,
        env={**clean, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=START_TIMEOUT,
    )
    assert result.returncode == 1
    assert words in result.stderr
    assert "Traceback" not in result.stderr
