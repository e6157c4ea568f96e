"""Ctrl-C at whatever moment: the request that just comes is answered, and no worker stands still."""

from __future__ import annotations

from http.client import HTTPConnection
from pathlib import Path

from tests.attack.refused_bodies import KEYS
from tests.servers import gunicorn

PATIENCE = 15  # seconds; a worker that stands still is killed after 30


def test_a_worker_that_is_interrupted_as_a_request_comes_answers_it_and_ends(tmp_path: Path) -> None:
    log = tmp_path / "gunicorn.log"
    env = {"REFUND_API_KEYS": KEYS, "REFUND_API_DATABASE_URL": f"sqlite:///{tmp_path}/never-opened.db"}
    with gunicorn("tests.e2e.interrupted:make_app()", log, env) as server:
        connection = HTTPConnection(server.host, server.port, timeout=PATIENCE)
        connection.request("GET", "/healthz", headers={"Connection": "close"})
        assert connection.getresponse().status == 200
        connection.close()
    lines = log.read_text()
    assert "Worker exiting" in lines
    assert "SIGKILL" not in lines
