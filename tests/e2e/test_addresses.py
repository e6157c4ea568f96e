"""Where gunicorn listens: on loopback unless told otherwise, and then it says once what that means."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.attack.refused_bodies import KEYS
from tests.servers import ROOT, START_TIMEOUT, free_port

WARNING = "beyond this machine"


def environ(folder: Path, **more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if name != "PORT"}
    own = {"REFUND_API_KEYS": KEYS, "REFUND_API_DATABASE_URL": f"sqlite:///{folder}/never-opened.db"}
    return {**clean, **own, **more}


@pytest.mark.parametrize(
    ("port", "arguments", "bind"),
    [
        ({}, [], "['127.0.0.1:8000']"),
        ({"PORT": ""}, [], "['127.0.0.1:8000']"),
        ({"PORT": "8123"}, [], "['0.0.0.0:8123']"),
        ({"PORT": "8123"}, ["--bind", "unix:/run/refund-api.sock"], "['unix:/run/refund-api.sock']"),
        ({}, ["--bind", "10.0.0.1:80"], "['10.0.0.1:80']"),
    ],
)
def test_loopback_is_the_default_and_bind_and_port_go_before_it(
    tmp_path: Path, port: dict[str, str], arguments: list[str], bind: str
) -> None:
    command = [sys.executable, "-m", "gunicorn", "--print-config", *arguments, "wsgi:app"]
    env = environ(tmp_path, **port)
    printed = subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, text=True).stdout
    assert [line.split("=", 1)[1].strip() for line in printed.splitlines() if line.startswith("bind ")] == [bind]


@contextmanager
def log_of_gunicorn_on(bind: str, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    log = folder / "gunicorn.log"
    command = [sys.executable, "-m", "gunicorn", "-b", bind, "-w", "1", "wsgi:app"]
    with log.open("wb") as output, subprocess.Popen(command, cwd=ROOT, env=environ(folder), stderr=output) as process:
        try:
            wait_for(log, "Booting worker")
            yield process, log
        finally:
            process.terminate()


def wait_for(log: Path, text: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while text not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def test_an_address_beyond_this_machine_is_warned_about_once_a_start(tmp_path: Path) -> None:
    port = free_port()
    with log_of_gunicorn_on(f"0.0.0.0:{port}", tmp_path) as (process, log):
        process.send_signal(signal.SIGHUP)
        wait_for(log, "Hang up")
        wait_for(log, "Worker exiting")
        (line,) = (line for line in log.read_text().splitlines() if WARNING in line)
    told = json.loads(line)
    assert (told["level"], told["logger"]) == ("warning", "gunicorn.error")
    assert told["event"].startswith(f"listening on 0.0.0.0:{port}, ")


@pytest.mark.parametrize("bind", ["127.0.0.1:0", "unix:{folder}/socket"])
def test_loopback_and_a_unix_socket_are_not_warned_about(tmp_path: Path, bind: str) -> None:
    with log_of_gunicorn_on(bind.format(folder=tmp_path), tmp_path) as (_, log):
        assert WARNING not in log.read_text()
