"""The demo as `make run` starts it: one process that prepares and serves; post what was printed, stop it."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from tests.servers import ROOT, START_TIMEOUT, Gunicorn, free_port, wait_until_listening
from xml_contracts.refund import ApiResult
from xml_contracts.serializer import DataContractSerializer

BODY_PAUSE = 0.3


SHELL = {
    "REFUND_API_DATABASE_URL": "postgresql://127.0.0.1:1/refunds",
    "REFUND_API_TOLERANCE_SECONDS": "60",
    "WEB_CONCURRENCY": "2",
    "PYTHONPATH": str(ROOT),
}
"""What the shell of a developer may have set for a real service; the demo has its own settings."""

QUICKSTART = [sys.executable, "-P", "-c", "from app import main; main()", "quickstart"]


@dataclass(frozen=True)
class Demo:
    """A running `quickstart`, and the requests that it printed, as the words of a shell."""

    server: Gunicorn
    requests: list[list[str]]


@contextmanager
def running_demo(folder: Path) -> Iterator[Demo]:
    """Run `quickstart` in a folder until it listens. What it prints and logs is in the file `log` there."""
    port, log = free_port(), folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*QUICKSTART, "--port", str(port)],
            cwd=folder,
            env={**os.environ, **SHELL},
            stdout=output,
            stderr=output,
        )
        try:
            server = Gunicorn("127.0.0.1", port, process, log)
            wait_until_listening(server)
            lines = log.read_text().splitlines()
            yield Demo(server, [shlex.split(line) for line in lines if line.startswith("curl ")])
        finally:
            process.terminate()
            process.wait(START_TIMEOUT)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    with running_demo(tmp_path) as running:
        yield running


def headers_of(words: list[str]) -> dict[str, str]:
    sent = [value for option, value in pairwise(words) if option == "-H"]
    return dict(header.split(": ", 1) for header in sent)


def body_of(words: list[str]) -> bytes:
    return words[words.index("--data-raw") + 1].encode()


def post(words: list[str]) -> tuple[ApiResult, Message]:
    """Send what curl would send: the result, and the headers of the answer."""
    with urlopen(Request(words[-1], body_of(words), headers_of(words)), timeout=START_TIMEOUT) as response:
        content, headers = response.read(), response.headers
    if headers["Content-Type"] == "application/json; charset=utf-8":
        return ApiResult(**json.loads(content)), headers
    assert headers["Content-Type"] == "application/xml; charset=utf-8"
    result = DataContractSerializer(ApiResult).read(content)
    assert result is not None
    return result, headers


def wait_for_log(server: Gunicorn, *texts: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while not all(text in server.log.read_text() for text in texts):
        assert time.monotonic() < deadline, server.log.read_text()
        time.sleep(0.05)


def test_each_printed_request_answers_code_1_and_a_repeat_gives_the_same_number(demo: Demo) -> None:
    first = [post(words)[0] for words in demo.requests]
    assert [(result.code, result.message) for result in first] == [(1, "Cancelled")] * 3
    assert len({result.data for result in first}) == 3
    assert [post(words)[0] for words in demo.requests] == first


def test_lines_say_that_the_demo_is_ready_and_what_became_of_each_request(demo: Demo) -> None:
    post(demo.requests[0])
    wait_for_log(demo.server, f'"ready: {demo.server.url}"', "serving with 2 workers", '"refund_recorded"')


def test_what_was_skipped_while_reading_is_explained(demo: Demo) -> None:
    words = demo.requests[0]
    words[words.index("--data-raw") + 1] = json.dumps({**json.loads(body_of(words)), "colour": "red"})
    result, headers = post(words)
    assert result.code == 1
    assert "colour" in headers["X-Data-Contract-Ignored"]


def test_the_pages_sign_with_the_keys_of_the_demo(demo: Demo) -> None:
    with urlopen(f"{demo.server.url}/Help/TryIt/POST-api-order-cancel", timeout=START_TIMEOUT) as page:
        assert page.status == 200


def test_a_second_start_beside_it_is_refused_and_one_after_it_works(demo: Demo, tmp_path: Path) -> None:
    port, other = str(demo.server.port), demo.server.port + 1
    beside = subprocess.run(
        [*QUICKSTART, "--port", port],
        cwd=tmp_path,
        env={**os.environ, **SHELL},
        capture_output=True,
        text=True,
        check=False,
        timeout=START_TIMEOUT,
    )
    words = f"Error: Port {port} is taken; for another one: make run PORT={other}, or --port {other}\n"
    assert (beside.returncode, beside.stdout, beside.stderr) == (1, "", words)
    number = post(demo.requests[0])[0].data
    demo.server.process.send_signal(signal.SIGINT)  # Ctrl-C
    assert demo.server.process.wait(START_TIMEOUT) == 0
    assert "Traceback" not in demo.server.log.read_text()
    with running_demo(tmp_path) as again:
        elsewhere = [*demo.requests[0][:-1], again.server.url + urlsplit(demo.requests[0][-1]).path]
        assert post(elsewhere)[0].data == number, "ledger and key are still there"


def test_sigterm_lets_a_request_in_flight_finish_and_exits_with_0(demo: Demo) -> None:
    server = demo.server
    assert post(demo.requests[1])[0].code == 1  # a worker is up
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
