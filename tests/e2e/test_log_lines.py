"""The log of a real gunicorn: a line for every answer, never a secret, and no answer that waits for it."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import pty
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote
from urllib.request import urlopen

from refund_api.ops.stderr_handler import DROPPED
from refund_api.signing import v2 as scheme_v2
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.schema import upgrade
from tests.e2e.faulty import FAULTS
from tests.fakes import signed
from tests.figures import counted_by_worker
from tests.replication import until
from tests.servers import ROOT, START_TIMEOUT, Gunicorn, free_port, wait_until_listening
from tests.wire import FORMATS, members_of, write_form, write_json
from tests.world import ALICE
from xml_contracts.refund import TicketRefundRequest

PATH = "/api/order/cancel"
LEGACY_SECRET, V2_SECRET = "a legacy secret of the log tests", "the v2 secret of the tests of log lines"
KEYS = {
    "keys": [
        {"kid": "old-site", "scheme": "legacy", "secret": LEGACY_SECRET},
        {"kid": "web", "scheme": "v2", "secret": V2_SECRET},
    ]
}
REASON = "Zahnschmerzen"
SHORT = "make_app_with_a_short_queue()"


@dataclass
class Client:
    """Sends requests on one connection, each with a request id of its own."""

    server: Gunicorn
    connection: http.client.HTTPConnection
    sent: int = 0

    def send(self, body: bytes, content_type: str, *, method: str = "POST", path: str = PATH) -> tuple[str, int]:
        """The request id and the status of the answer."""
        self.sent += 1
        request_id = f"request-{self.sent}"
        headers = {"Content-Type": content_type, "X-Request-ID": request_id}
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        assert response.headers["X-Request-ID"] == request_id
        response.read()
        return request_id, response.status

    def send_raw(self, content: bytes) -> None:
        """Bytes on a connection of their own; whatever the answer is."""
        with socket.create_connection((self.server.host, self.server.port), timeout=START_TIMEOUT) as raw:
            raw.sendall(content)
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(1 << 16):
                pass


@contextmanager
def serving(
    folder: Path, stderr: int | IO[bytes] | FileIO, *arguments: str, target: str = "make_app()", **environ: str
) -> Iterator[Client]:
    """The service on SQLite, with an order in it, and with this stderr. SIGTERM at the end, then wait."""
    url = f"sqlite:///{folder}/refunds.db"
    engine = make_engine(url, threads=1)
    upgrade(engine)
    engine.dispose()
    port = free_port()
    own = {"REFUND_API_DATABASE_URL": url, "REFUND_API_KEYS": json.dumps(KEYS)}
    command = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", "-w", "1", *arguments]
    with subprocess.Popen(
        [*command, f"tests.e2e.faulty:{target}"], cwd=ROOT, env={**os.environ, **own, **environ}, stderr=stderr
    ) as process:
        server = Gunicorn("127.0.0.1", port, process, Path(os.devnull))
        try:
            wait_until_listening(server)
            with closing(connection(server)) as connected:
                yield Client(server, connected)
        finally:
            process.terminate()
            process.wait(timeout=START_TIMEOUT)


def connection(server: Gunicorn) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(server.host, server.port, timeout=START_TIMEOUT)


def legacy(random: int, reason: str = REASON, **changed: Any) -> TicketRefundRequest:
    return signed(reason=reason, random=random, at=datetime.now(UTC), secret=LEGACY_SECRET.encode(), **changed)


def v2(random: int, reason: str = REASON) -> TicketRefundRequest:
    request = replace(legacy(random, reason), sign=None)
    return replace(request, sign=scheme_v2.sign(request, PATH, "web", V2_SECRET.encode()))


def lines_of(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text(encoding="ascii").splitlines()]


def bodies(requests: list[TicketRefundRequest]) -> Iterator[tuple[bytes, str]]:
    """Each request in each format: as it is, cut short, damaged in places, and under the name of another format."""
    types = [form.content_type for form in FORMATS]
    for number, request in enumerate(requests):
        for form in FORMATS:
            body = form.write(members_of(request))
            yield body, form.content_type
            yield body[: len(body) * (number % 9 + 1) // 10], form.content_type
            yield body.replace(REASON.encode(), b"a&" + REASON.encode(), 1), form.content_type
            yield body, types[(number + types.index(form.content_type) + 1) % 3]
    yield write_form(members_of(requests[0])).replace(b"=", b"%3D"), FORMATS[2].content_type
    yield json.dumps({write_form(members_of(requests[0])).decode(): 1}).encode(), FORMATS[0].content_type
    yield write_json(members_of(requests[0])), "text/plain"


def raw_requests(request: TicketRefundRequest) -> Iterator[bytes]:
    """What gunicorn refuses by itself, and what it says of it: a body without a length is its next request."""
    form = write_form(members_of(request))
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\n".encode()
    yield head + b"\r\n" + form + b"\r\n\r\n"
    yield head + b"Transfer-Encoding: chunked\r\n\r\n" + form
    yield head + b"Content-Length: 9" + form + b"\r\n\r\n" + form
    yield head + form.replace(b"=", b": ") + b" x:\r\n\r\n"
    yield head + b"X-Odd(" + form + b": 1\r\n\r\n"
    yield form + b" HTTP/1.1\r\n\r\n"
    yield head + b"X: " + form
    yield f"GET {PATH}?{form.decode()} HTTP/9.1\r\n\r\n".encode()


def test_no_line_has_a_secret_or_a_piece_of_a_body_and_every_answer_has_its_line(tmp_path: Path) -> None:
    log = tmp_path / "log"
    faults = [f"{fault}: {REASON}" for fault in FAULTS]
    requests = [legacy(1), legacy(2), replace(legacy(3), sign="f" * 64), v2(4), replace(v2(5), random=6)]
    requests += [legacy(7, order_number=None), legacy(8, ids=f"{ALICE},{ALICE[:-1]}"), legacy(9, terminal=99)]
    requests += [make(20 + number, reason) for number, reason in enumerate(faults) for make in (legacy, v2)]
    answered: dict[str, int] = {}
    with (
        log.open("wb") as stderr,
        serving(tmp_path, stderr, "--access-logfile", "-", REFUND_API_LOG_LEVEL="debug") as client,
    ):
        for body, content_type in bodies(requests):
            request_id, answered[request_id] = client.send(body, content_type)
        query = quote(write_form(members_of(requests[0])))
        for method in ("GET", "POST"):
            request_id, answered[request_id] = client.send(b"", "text/plain", method=method, path=f"{PATH}?{query}")
        for content in raw_requests(requests[0]):
            client.send_raw(content)
    lines = lines_of(log)
    of_answers = {line["request_id"]: line for line in lines if "traceparent" in line}
    assert {request_id: of_answers[request_id]["status"] for request_id in answered} == answered
    assert {"refused", "signature_rejected", "invalid_request", "broken", "request_refused"} <= {
        line["event"] for line in lines
    }
    assert sum(line["event"] == "access" for line in lines) >= len(answered)
    assert (
        sum("request" in line["event"] and line["logger"] == "gunicorn.error" for line in lines if "logger" in line) > 3
    )
    signs = {request.sign or "" for request in requests}
    passengers = {ALICE, ALICE[:-1], ALICE.partition("-")[0]}
    for canary in {LEGACY_SECRET, V2_SECRET, REASON, *signs, *passengers, *(sign[-20:] for sign in signs)}:
        assert canary not in log.read_text()


def fill(descriptor: int) -> None:
    os.set_blocking(descriptor, False)
    try:
        while True:
            os.write(descriptor, b"x" * 4095 + b"\n")
    except BlockingIOError:
        os.set_blocking(descriptor, True)


def test_a_reader_that_stalls_stops_neither_answers_nor_figures_and_is_told_what_it_missed(tmp_path: Path) -> None:
    metrics = tmp_path / "metrics"
    metrics.mkdir()
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4 * 4096)
    with (
        FileIO(reader) as stalled,
        FileIO(writer, "w") as stderr,
        serving(tmp_path, stderr, target=SHORT, REFUND_API_METRICS_DIR=str(metrics)) as client,
    ):
        client.send(b"{}", "application/json")  # the worker is ready, and has written what it has to say of that
        fill(writer)
        for _ in range(300):
            assert client.send(b"{}", "application/json")[1] == 200
        (directory,) = metrics.iterdir()
        until(lambda: sum(counted_by_worker(directory).values()) == client.sent)  # nobody asks for the page
        content = read_until(stalled, DROPPED)
        while f"request-{client.sent}" not in content:  # until there is room again and all that waited was read
            client.send(b"{}", "application/json")
            content += read_until(stalled, "\n")
        counted = dropped_lines(client.server)
    told = [json.loads(line) for line in content.splitlines() if line.startswith("{")]
    written = [line for line in told if line["event"] == "invalid_request"]
    dropped = [line["lines"] for line in told if line["event"] == DROPPED and line["pid"] == written[0]["pid"]]
    assert sum(dropped) == counted > 100
    assert len(written) + sum(dropped) == client.sent


def dropped_lines(server: Gunicorn) -> float:
    """As /metrics counts them."""
    with urlopen(f"{server.url}/metrics") as page:
        (line,) = re.findall(rb"^refund_api_log_lines_dropped_total (.+)$", page.read(), re.MULTILINE)
    return float(line)


def read_until(stream: FileIO, text: str) -> str:
    """What was written up to a line with the text."""
    content = b""
    deadline = time.monotonic() + START_TIMEOUT
    os.set_blocking(stream.fileno(), False)
    while text.encode() not in content or not content.endswith(b"\n"):
        assert time.monotonic() < deadline, content
        content += stream.read(1 << 16) or b""
        time.sleep(0.01)
    return content.decode()


def test_a_full_disk_and_a_reader_that_has_gone_stop_no_answer(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    for stderr in (FileIO("/dev/full", "w"), FileIO(writer, "w")):
        with stderr, serving(tmp_path, stderr) as client:
            for _ in range(20):
                assert client.send(b"{}", "application/json")[1] == 200


def test_a_process_without_a_stderr_writes_no_line_into_another_file(tmp_path: Path) -> None:
    """Descriptor 2 is then the next file that somebody opens, and that may be the ledger."""
    with serving(tmp_path, subprocess.DEVNULL) as client:
        without = client.server
    command = ["/bin/sh", "-c", 'exec "$@" 2>&-', "sh", *without.process.args]  # type: ignore[misc]
    url = f"sqlite:///{tmp_path}/refunds.db"
    env = {**os.environ, "REFUND_API_DATABASE_URL": url, "REFUND_API_KEYS": json.dumps(KEYS)}
    with subprocess.Popen(command, cwd=ROOT, env=env) as process:
        try:
            server = replace(without, process=process)
            wait_until_listening(server)
            with closing(connection(server)) as connected:
                for number in range(20):
                    body = write_json(members_of(legacy(100 + number)))
                    assert Client(server, connected).send(body, "application/json")[1] == 200
        finally:
            process.terminate()
    assert all(b'{"timestamp"' not in path.read_bytes() for path in tmp_path.iterdir() if path.is_file())


def test_on_a_terminal_lines_are_text(tmp_path: Path) -> None:
    ours, terminal = pty.openpty()
    with FileIO(ours) as shown, FileIO(terminal, "w") as stderr, serving(tmp_path, stderr) as client:
        client.send(b"{}", "application/json")
        text = read_until(shown, "request-1")
    assert "invalid_request" in text and '{"timestamp"' not in text


def test_the_lines_of_the_last_answers_are_written_before_a_worker_ends(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as stderr, serving(tmp_path, stderr) as client:
        for _ in range(50):
            client.send(b"{}", "application/json")
    assert {line.get("request_id") for line in lines_of(log)} >= {f"request-{number}" for number in range(1, 51)}
