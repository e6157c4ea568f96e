"""Metrics and health of a real gunicorn: sums over workers, also over those that ended; draining; a bad directory."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from refund_api.storage.engines.urls import make_engine
from refund_api.storage.schema import upgrade
from tests.figures import counted_by_worker
from tests.replication import until
from tests.servers import ROOT, START_TIMEOUT, Gunicorn, free_port, gunicorn

KEYS = '{"keys": [{"kid": "web", "scheme": "legacy", "secret": "a shared secret of thirty-two b."}]}'
HEAD = b"POST /api/order/cancel HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    url = f"sqlite:///{tmp_path}/refunds.db"
    engine = make_engine(url, threads=1)
    upgrade(engine)
    engine.dispose()
    (tmp_path / "metrics").mkdir()
    return {
        "REFUND_API_DATABASE_URL": url,
        "REFUND_API_KEYS": KEYS,
        "REFUND_API_METRICS_DIR": str(tmp_path / "metrics"),
    }


@pytest.fixture
def server(tmp_path: Path, env: dict[str, str]) -> Iterator[Gunicorn]:
    with gunicorn("wsgi:app", tmp_path / "gunicorn.log", env, workers=2) as running:
        yield running


def get(server: Gunicorn, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=START_TIMEOUT)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def post_empty(server: Gunicorn) -> None:
    with socket.create_connection((server.host, server.port), timeout=START_TIMEOUT) as connection:
        connection.sendall(HEAD + b"{}")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")


def figure(server: Gunicorn, series: str) -> float:
    status, page = get(server, "/metrics")
    assert status == 200, page
    match = re.search(rf"^{re.escape(series)} (\S+)$", page, re.MULTILINE)
    return float(match[1]) if match else 0.0


INVALID = 'refund_api_requests_total{code="1001",format="json",status="200"}'


def directory_of(env: dict[str, str]) -> Path:
    (directory,) = Path(env["REFUND_API_METRICS_DIR"]).iterdir()
    return directory


def load_both_workers(server: Gunicorn, directory: Path, workers: set[int]) -> int:
    """Requests until each of the workers has answered one; returns how many."""
    before = sum(counted_by_worker(directory).values())
    sent = 0

    def each_has_answered() -> bool:
        nonlocal sent
        post_empty(server)
        sent += 1
        counted = counted_by_worker(directory)
        return all(counted.get(pid) for pid in workers)

    until(each_has_answered)
    until(lambda: sum(counted_by_worker(directory).values()) == before + sent)
    return sent


def living(server: Gunicorn) -> set[int]:
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    return {int(pid) for pid in children}


def test_figures_are_added_up_over_workers_also_over_one_that_was_killed(server: Gunicorn, env: dict[str, str]) -> None:
    directory = directory_of(env)
    until(lambda: figure(server, "refund_api_workers") == 2)
    first = living(server)
    sent = load_both_workers(server, directory, first)
    assert [figure(server, INVALID) for _ in range(6)] == [sent] * 6, "whichever worker is asked"
    victim = min(first)
    os.kill(victim, signal.SIGKILL)
    until(lambda: len(living(server) - {victim}) == 2 and figure(server, "refund_api_workers") == 2)
    assert not (directory / f"gauge_livesum_{victim}.db").exists()
    assert figure(server, INVALID) == sent
    sent += load_both_workers(server, directory, living(server))
    assert [figure(server, INVALID) for _ in range(6)] == [sent] * 6
    assert figure(server, "refund_api_worker_starts_total") == 3
    assert figure(server, 'refund_api_request_seconds_count{format="json"}') == sent
    server.process.terminate()
    assert server.process.wait(START_TIMEOUT) == 0
    assert not directory.exists()


def test_a_reload_keeps_what_was_counted(server: Gunicorn, env: dict[str, str]) -> None:
    directory = directory_of(env)
    until(lambda: figure(server, "refund_api_workers") == 2)
    old = living(server)
    sent = load_both_workers(server, directory, old)
    server.process.send_signal(signal.SIGHUP)
    until(lambda: not living(server) & old and figure(server, "refund_api_workers") == 2)
    sent += load_both_workers(server, directory, living(server))
    assert figure(server, INVALID) == sent
    assert directory_of(env) == directory


@pytest.mark.parametrize("end", ["SIGTERM", "SIGHUP", "max_requests"])
def test_a_worker_that_ends_has_counted_its_last_answers(tmp_path: Path, env: dict[str, str], end: str) -> None:
    most = {"GUNICORN_CMD_ARGS": "--max-requests 20"} if end == "max_requests" else {}
    with gunicorn("wsgi:app", tmp_path / "gunicorn.log", env | most) as server:
        until(lambda: figure(server, "refund_api_workers") == 1)
        (worker,) = living(server)
        directory = directory_of(env)
        sent = 0
        while sent < 10 or (end == "max_requests" and worker in living(server) and sent < 20):
            post_empty(server)
            sent += 1
        if end == "SIGTERM":
            os.kill(worker, signal.SIGTERM)
        elif end == "SIGHUP":
            server.process.send_signal(signal.SIGHUP)
        until(lambda: worker not in living(server))
        until(lambda: sum(counted_by_worker(directory).values()) == sent)  # the next worker may have answered some


def test_a_worker_that_is_told_to_end_is_not_ready_and_finishes_what_is_in_flight(
    tmp_path: Path, env: dict[str, str]
) -> None:
    with gunicorn("wsgi:app", tmp_path / "gunicorn.log", env) as server:
        until(lambda: get(server, "/readyz")[0] == 200)
        watching = http.client.HTTPConnection(server.host, server.port, timeout=START_TIMEOUT)
        assert not_ready(watching) == []
        with socket.create_connection((server.host, server.port), timeout=START_TIMEOUT) as in_flight:
            in_flight.sendall(HEAD + b"{")
            until(lambda: figure(server, "refund_api_workers") == 1)  # it goes on serving others
            server.process.terminate()
            until(lambda: not_ready(watching) == ["draining: this process was told to end"])
            in_flight.sendall(b"}")
            assert in_flight.recv(65536).startswith(b"HTTP/1.1 200")
        watching.close()
        assert server.process.wait(START_TIMEOUT) == 0


def not_ready(connection: http.client.HTTPConnection) -> list[str]:
    """The reasons, asked on a connection that is kept: a process that ends takes no new ones."""
    connection.request("GET", "/readyz")
    answer = connection.getresponse()
    reasons: list[str] = json.loads(answer.read())["reasons"]
    assert (answer.status == 200) == (not reasons)
    return reasons


@pytest.mark.parametrize("place", ["file", "missing"])
def test_a_directory_for_metrics_that_cannot_be_used_ends_the_start_with_words(
    tmp_path: Path, env: dict[str, str], place: str
) -> None:
    (tmp_path / "file").touch()
    result = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{free_port()}", "wsgi:app"],
        cwd=ROOT,
        env={**os.environ, **env, "REFUND_API_METRICS_DIR": str(tmp_path / place)},
        capture_output=True,
        text=True,
        check=False,
        timeout=START_TIMEOUT,
    )
    assert result.returncode == 1
    assert f"There is no place for metrics (REFUND_API_METRICS_DIR={tmp_path / place}): " in result.stderr
    assert "Traceback" not in result.stderr
