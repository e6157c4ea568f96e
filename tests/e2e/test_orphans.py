"""gunicorn's master is killed: its workers finish what they are at, and are gone long before gunicorn's 25 seconds."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from refund_api.serving import orphans
from tests.attack.refused_bodies import KEYS
from tests.servers import ROOT, START_TIMEOUT, Gunicorn, booted_workers, gunicorn

PATIENCE = 15  # seconds; the promise is 5, and a busy machine may need more
HEAD = (
    b"POST /api/order/cancel HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Gunicorn]:
    env = {"REFUND_API_KEYS": KEYS, "REFUND_API_DATABASE_URL": f"sqlite:///{tmp_path}/never-opened.db"}
    with gunicorn("wsgi:app", tmp_path / "gunicorn.log", env, workers=2) as running:
        yield running


def both_workers(server: Gunicorn) -> list[int]:
    """Their process ids, once both run: the first may answer before the second is there."""
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        workers = booted_workers(server)
        if len(workers) == 2:
            return workers
        assert time.monotonic() < deadline, workers
        time.sleep(0.05)


def connect(server: Gunicorn, sent: bytes) -> socket.socket:
    client = socket.create_connection((server.host, server.port), timeout=START_TIMEOUT)
    client.sendall(sent)
    return client


def wait_until_free(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                assert time.monotonic() < deadline, "the workers hold the port"
                time.sleep(0.05)
            else:
                return


def is_running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
    return "State:\tZ" not in status  # a zombie has only its parent's wait() to wait for


def test_the_port_is_free_soon_whatever_the_clients_do(server: Gunicorn) -> None:
    kept = [connect(server, HEAD + b"{}") for _ in range(6)]
    for client in kept:
        assert client.recv(12) == b"HTTP/1.1 200"
    silent = [connect(server, b"") for _ in range(2)]
    half_sent = [connect(server, HEAD + b"{") for _ in range(2)]
    workers = both_workers(server)
    server.process.send_signal(signal.SIGKILL)
    wait_until_free(server.port)
    deadline = time.monotonic() + PATIENCE
    while any(is_running(pid) for pid in workers):
        assert time.monotonic() < deadline, "a worker has outlived its master"
        time.sleep(0.05)
    for client in (*kept, *silent, *half_sent):
        client.close()


def test_a_request_in_flight_is_answered(server: Gunicorn) -> None:
    client = connect(server, HEAD.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
    assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n", "a worker waits for the body"
    server.process.send_signal(signal.SIGKILL)
    client.sendall(b"{}")
    assert client.recv(12) == b"HTTP/1.1 200"
    client.close()
    wait_until_free(server.port)


ORPHANED_BEFORE_IT_ASKED = """
import os, time
from refund_api.serving import orphans
orphans.end_with_master(os.getppid() + 1)
time.sleep(60)
"""


def test_a_worker_whose_master_died_before_the_kernel_knew_ends_too() -> None:
    ended = subprocess.run([sys.executable, "-c", ORPHANED_BEFORE_IT_ASKED], cwd=ROOT, timeout=START_TIMEOUT)
    assert ended.returncode == -signal.SIGTERM


STUCK = """
import os, signal, time
from refund_api.serving import orphans
orphans.GRACE_SECONDS = 1
signal.signal(signal.SIGTERM, lambda *_: None)
orphans.end_with_master(os.getppid() + 1)
while True:
    time.sleep(60)
"""


def test_a_worker_that_does_not_end_by_itself_is_ended() -> None:
    ended = subprocess.run([sys.executable, "-c", STUCK], cwd=ROOT, timeout=START_TIMEOUT)
    assert ended.returncode == -signal.SIGALRM


def test_elsewhere_than_on_linux_gunicorns_own_way_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    before = signal.getsignal(signal.SIGUSR2)
    orphans.end_with_master(os.getppid() + 1)
    assert signal.getsignal(signal.SIGUSR2) == before
