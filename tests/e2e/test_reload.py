"""SIGHUP on a real gunicorn: new keys are taken over, bad ones are not, and what is in flight is finished."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import randrange

import pytest

from refund_api.storage.engines.urls import make_engine
from refund_api.storage.schema import upgrade
from tests.attack import reloads
from tests.fakes import signed
from tests.servers import ROOT, START_TIMEOUT, Gunicorn, booted_workers, gunicorn
from tests.wire import members_of, write_json

OLD, NEW = "the key before the rotation", "the key behind the rotation"


def ring(*secrets: str) -> str:
    return json.dumps(
        {"keys": [{"kid": f"k{n}", "scheme": "legacy", "secret": secret} for n, secret in enumerate(secrets)]}
    )


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    path.write_text(ring(OLD))
    return path


@pytest.fixture
def database_url(tmp_path: Path) -> Path:
    path = tmp_path / "database-url"
    path.write_text(f"sqlite:///{tmp_path}/refunds.db")
    return path


@pytest.fixture
def server(tmp_path: Path, keys: Path, database_url: Path) -> Iterator[Gunicorn]:
    make_ledger(database_url.read_text())
    env = {"REFUND_API_DATABASE_URL_FILE": str(database_url), "REFUND_API_KEYS_FILE": str(keys)}
    with gunicorn("wsgi:app", tmp_path / "gunicorn.log", env, workers=2) as running:
        yield running


def make_ledger(url: str) -> None:
    engine = make_engine(url, threads=1)
    upgrade(engine)
    engine.dispose()


def post(server: Gunicorn, secret: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    request = signed(at=datetime.now(UTC), random=randrange(10_000, 2**31), secret=secret.encode())
    connection = http.client.HTTPConnection(server.host, server.port, timeout=START_TIMEOUT)
    connection.request(
        "POST",
        "/api/order/cancel",
        write_json(members_of(request)),
        {"Content-Type": "application/json", **(headers or {})},
    )
    response = connection.getresponse()
    answer = response.status, response.read()
    connection.close()
    return answer


def code(server: Gunicorn, secret: str) -> int:
    status, body = post(server, secret)
    assert status == 200
    result: int = json.loads(body)["code"]
    return result


def reload(server: Gunicorn, until: Callable[[], bool]) -> None:
    server.process.send_signal(signal.SIGHUP)
    wait_until(server, until)


def wait_until(server: Gunicorn, until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while not until():
        assert time.monotonic() < deadline, server.log.read_text()
        time.sleep(0.05)


def test_a_reload_takes_over_new_keys_and_keeps_the_former_ones_when_they_are_bad(server: Gunicorn, keys: Path) -> None:
    assert (code(server, OLD), code(server, NEW)) == (2001, 1002)
    keys.write_text(ring(OLD, NEW))
    reload(server, lambda: code(server, NEW) == 2001)
    keys.write_text('{"keys": [')
    reload(server, lambda: "the former ones stay" in server.log.read_text())
    for _ in range(20):
        assert (code(server, OLD), code(server, NEW)) == (2001, 2001)
        time.sleep(0.05)
    keys.unlink()
    reload(server, lambda: server.log.read_text().count("Hang up") >= 3)
    for _ in range(20):
        assert code(server, NEW) == 2001
        time.sleep(0.05)
    assert server.process.poll() is None


def test_a_reload_keeps_the_former_settings_when_the_database_url_cannot_be_used(
    server: Gunicorn, keys: Path, database_url: Path
) -> None:
    database_url.write_text("sqlite:////absent/refunds.db")
    keys.write_text(ring(OLD, NEW))
    reload(server, lambda: len(booted_workers(server)) == 4)
    assert "the former ones stay: REFUND_API_DATABASE_URL: sqlite:////absent/refunds.db" in server.log.read_text()
    for _ in range(20):
        assert (code(server, OLD), code(server, NEW)) == (2001, 1002), "neither the database nor the keys"
        time.sleep(0.05)


def test_a_replaced_key_file_counts_from_a_reload_on_also_for_a_worker_that_was_started_again(
    server: Gunicorn, keys: Path
) -> None:
    assert code(server, OLD) == 2001
    keys.write_text(ring(OLD, NEW))
    wait_until(server, lambda: len(booted_workers(server)) == 2)  # one of them may have answered before the other is up
    first = booted_workers(server)
    for pid in first:
        os.kill(pid, signal.SIGKILL)
    wait_until(server, lambda: len(booted_workers(server)) == 2 * len(first))
    for _ in range(20):
        assert (code(server, OLD), code(server, NEW)) == (2001, 1002)
    assert '"active keys: k0"' in server.log.read_text()
    reload(server, lambda: code(server, NEW) == 2001)
    assert '"active keys: k0, k1"' in server.log.read_text()


def test_under_load_no_request_fails_during_reloads_and_each_takes_over_the_new_key(tmp_path: Path) -> None:
    with reloads.service(tmp_path) as (server, ring):
        figures = reloads.attack(server, ring, 3, rate=10)
    assert len(figures.answers) > 10
    assert (figures.failed, figures.keys_taken) == (0, 3)


def test_a_reload_reads_the_other_settings_anew_too(tmp_path: Path, keys: Path) -> None:
    url = tmp_path / "url"
    url.write_text(f"sqlite:///{tmp_path}/nowhere.db")
    env = {"REFUND_API_DATABASE_URL_FILE": str(url), "REFUND_API_KEYS_FILE": str(keys)}
    with gunicorn("wsgi:app", tmp_path / "gunicorn.log", env) as server:
        assert post(server, OLD)[0] == 503
        make_ledger(f"sqlite:///{tmp_path}/refunds.db")
        url.write_text(f"sqlite:///{tmp_path}/refunds.db")
        reload(server, lambda: post(server, OLD)[0] == 200)


IMPORTED_BY_A_WORKER = """
import runpy, sys
runpy.run_path("gunicorn.conf.py")
before = set(sys.modules)
import wsgi
print(*sorted(name for name in set(sys.modules) - before if not name.startswith("encodings.")))
"""


def test_a_worker_finds_every_module_in_memory_so_that_a_reload_waits_for_no_import(keys: Path) -> None:
    database_url = f"sqlite:///{keys.parent}/refunds.db"
    env = {**os.environ, "REFUND_API_KEYS_FILE": str(keys), "REFUND_API_DATABASE_URL": database_url}
    command = [sys.executable, "-c", IMPORTED_BY_A_WORKER]
    assert subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, text=True).stdout == "wsgi\n"


@pytest.mark.parametrize("name", ["SCRIPT_NAME", "Script-Name", "PATH_INFO"])
def test_no_header_of_a_client_moves_the_path(server: Gunicorn, name: str) -> None:
    status, body = post(server, OLD, {name: "/zzz"})
    assert (status, json.loads(body)["code"]) == (200, 2001)
