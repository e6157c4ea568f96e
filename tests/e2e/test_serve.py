"""`refund-api serve`: the one way to start, from any directory, and what a start refuses."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers import ROOT, START_TIMEOUT, Gunicorn, free_port, wait_until_listening

COMMAND = [sys.executable, "-P", "-c", "from app import main; main()"]
"""As the console script of an installed package: the working directory is not on the path of imports."""

# What systemd does before it starts a service: a socket at descriptor 3, and where to say that it is ready.
SYSTEMD = """
import os, socket, sys
listener = socket.socket()
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen()
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()), NOTIFY_SOCKET=sys.argv[2])
os.execv(sys.argv[3], sys.argv[3:])
"""


def ring(*kids: str) -> str:
    return json.dumps(
        {"keys": [{"kid": kid, "scheme": "legacy", "secret": f"the secret of {kid}, long"} for kid in kids]}
    )


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A directory of somebody else, whose files have the names of ours."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    for name in ("app.py", "wsgi.py", "gunicorn.conf.py"):
        (folder / name).write_text("raise SystemExit('this file is not yours')")
    (tmp_path / "keys.json").write_text(ring("k0"))
    (tmp_path / "keys.json").chmod(0o600)
    return folder


def environ(elsewhere: Path, **more: str) -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if name not in ("PORT", "WEB_CONCURRENCY")}
    keys, url = elsewhere.parent / "keys.json", f"sqlite:///{elsewhere.parent}/never-made.db"
    own = {"REFUND_API_KEYS_FILE": str(keys), "REFUND_API_DATABASE_URL": url, "PYTHONPATH": str(ROOT)}
    return {**others, **own, **more}


@contextmanager
def running(command: list[str], elsewhere: Path, port: int) -> Iterator[Gunicorn]:
    log = elsewhere.parent / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=elsewhere, env=environ(elsewhere), stdout=output, stderr=output)
        try:
            server = Gunicorn("127.0.0.1", port, process, log)
            wait_until_listening(server)
            yield server
        finally:
            process.terminate()
            process.wait(START_TIMEOUT)


def answer(server: Gunicorn) -> tuple[int, int]:
    """Status and code that a request with nothing in it gets."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=START_TIMEOUT)
    connection.request("POST", "/api/order/cancel")
    response = connection.getresponse()
    code: int = json.loads(response.read())["code"]
    connection.close()
    return response.status, code


def text_of_a_404(server: Gunicorn, headers: dict[str, str]) -> str:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=START_TIMEOUT)
    connection.request("GET", "/nope", headers=headers)
    text: str = json.loads(connection.getresponse().read())["Message"]
    connection.close()
    return text


def wait_for(server: Gunicorn, text: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while text not in server.log.read_text():
        assert time.monotonic() < deadline, server.log.read_text()
        time.sleep(0.05)


def test_it_serves_from_any_directory_and_reads_its_keys_anew_on_sighup(elsewhere: Path) -> None:
    port = free_port()
    command = [*COMMAND, "serve", "--bind", f"127.0.0.1:{port}", "-w", "1"]
    with running(command, elsewhere, port) as server:
        assert answer(server) == (200, 1001)
        wait_for(server, "serving with 1 workers of 4 threads each")
        (elsewhere.parent / "keys.json").write_text(ring("k0", "k1"))
        server.process.send_signal(signal.SIGHUP)
        wait_for(server, "active keys: k0, k1")
        assert answer(server) == (200, 1001)
        forged = {"X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "on", "X-Forwarded-Host": "evil.example"}
        assert f"'http://127.0.0.1:{port}/nope'" in text_of_a_404(server, forged), "no proxy is trusted"
    assert server.process.returncode == 0


def test_systemd_can_hand_it_a_socket_and_is_told_when_it_is_ready(elsewhere: Path) -> None:
    port, ready = free_port(), elsewhere.parent / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(str(ready))
        notified.settimeout(START_TIMEOUT)
        systemd = [sys.executable, "-c", SYSTEMD, str(port), str(ready)]
        with running([*systemd, *COMMAND, "serve", "-w", "1"], elsewhere, port) as server:
            assert notified.recv(1000).startswith(b"READY=1")
            assert answer(server) == (200, 1001)


def run(
    elsewhere: Path,
    *arguments: str,
    command: list[str] = COMMAND,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
) -> str:
    """All that a command printed; behind it the exit status."""
    ended = subprocess.run(
        [*command, *arguments],
        cwd=cwd or elsewhere,
        env=environ(elsewhere, **(env or {})),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=START_TIMEOUT,
    )
    assert "Traceback" not in ended.stdout
    return f"{ended.stdout}exit status {ended.returncode}"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("WEB_CONCURRENCY", "many", "Error: WEB_CONCURRENCY must be a whole number from 1 to 1024, not 'many'"),
        ("PORT", "http", "Error: PORT must be a whole number from 1 to 65535, not 'http'"),
        ("REFUND_API_KEYS_FILE", "", "Error: There is no key ring: set REFUND_API_KEYS_FILE"),
        ("REFUND_API_DATABASE_URL", "sqlite:///no/where.db", "Error: REFUND_API_DATABASE_URL: sqlite:///no/where.db: "),
    ],
)
def test_a_wrong_setting_ends_the_start_in_words(elsewhere: Path, name: str, value: str, words: str) -> None:
    output = run(elsewhere, "serve", "--bind", f"127.0.0.1:{free_port()}", env={name: value})
    assert words in output
    assert output.endswith("exit status 1")


def test_options_go_before_gunicorn_cmd_args_and_those_before_our_configuration(elsewhere: Path) -> None:
    extra = elsewhere.parent / "extra.py"
    extra.write_text("keepalive = 7\ntimeout = 11\n")
    env = {"GUNICORN_CMD_ARGS": "--workers 3 --bind 127.0.0.1:1", "WEB_CONCURRENCY": "", "PORT": "9"}
    options = ["--workers", "2", "-c", str(extra), "--timeout", "12"]
    output = run(elsewhere, "serve", "--print-config", *options, env=env)
    printed = dict(re.findall(r"^(\w+) += (.*)$", output, re.MULTILINE))
    assert [printed[name] for name in ("workers", "bind", "keepalive", "timeout", "threads")] == [
        "2",
        "['127.0.0.1:1']",
        "7",
        "12",
        "65",
    ]


def test_what_is_no_option_of_gunicorn_is_refused(elsewhere: Path) -> None:
    assert "unrecognized arguments: --colour" in run(elsewhere, "serve", "--colour")
    assert "Error: there is nothing to name but options" in run(elsewhere, "serve", "wsgi:app")


FLASK = [sys.executable, "-m", "flask", "--app", "app"]
GUNICORN = [sys.executable, "-m", "gunicorn", "--workers", "1"]


def test_in_a_checkout_flask_has_the_same_command(elsewhere: Path) -> None:
    assert run(elsewhere, "serve", "--check-config", command=FLASK, cwd=ROOT).endswith("exit status 0")


def test_a_gunicorn_that_has_not_read_our_configuration_refuses_and_says_how_to_start(elsewhere: Path) -> None:
    other = elsewhere.parent / "other.py"
    other.write_text("workers = 1\n")
    output = run(elsewhere, "-c", str(other), "-b", f"127.0.0.1:{free_port()}", "wsgi:app", command=GUNICORN, cwd=ROOT)
    assert "gunicorn has not read the configuration of this service" in output
    assert "Start it with: refund-api serve" in output
    assert output.endswith("exit status 4")


def test_without_gunicorn_the_application_can_be_imported_and_reads_the_environment(elsewhere: Path) -> None:
    python = [sys.executable, "-P", "-c"]
    assert run(elsewhere, "from wsgi import app; print(app.name)", command=python) == "app\nexit status 0"
