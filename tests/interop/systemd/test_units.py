"""The units of deploy/systemd: judged by systemd's own tool, and their commands run as systemd runs them."""

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

from tests.e2e.test_serve import ring
from tests.servers import ROOT, START_TIMEOUT, free_port
from tests.unit.cli.running import order_line

from .units import INSTALLED, SHIPPED, Unit, started

PAGES = [ROOT / "deploy/prometheus/alerts.yml", ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SERVICES = sorted(path.name for path in SHIPPED.glob("*.service"))
MOST_EXPOSED = 20
"""In tenths, as `systemd-analyze security` counts: 0 is a service that can do nothing, 100 one that can do all."""

# What systemd does before it starts a service whose socket is active: sockets from descriptor 3 on.
SYSTEMD = """
import os, socket, sys
for number, (family, address) in enumerate([(socket.AF_UNIX, sys.argv[1]), (socket.AF_INET, ("127.0.0.1", int(sys.argv[2])))]):
    listener = socket.socket(family)
    listener.bind(address)
    listener.listen()
    os.dup2(listener.fileno(), 10 + number)
for number in range(2):
    os.dup2(10 + number, 3 + number)
os.environ.update(LISTEN_FDS="2", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[3], sys.argv[3:])
"""


def analyze(*arguments: str | Path) -> str:
    done = subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_systemd_can_read_every_unit_and_has_nothing_to_say(tmp_path: Path) -> None:
    for path in SHIPPED.iterdir():
        text = path.read_text(encoding="utf-8").replace(INSTALLED, "/bin/true")  # it must exist
        (tmp_path / path.name.replace("@", "@1")).write_text(text)
    assert analyze("verify", *sorted(tmp_path.iterdir())) == ""


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_is_broken_into_can_do_little(name: str) -> None:
    analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", SHIPPED / name)


def test_all_services_are_fenced_in_alike() -> None:
    fences = {
        tuple(
            re.findall(
                r"^(?!#).+", (SHIPPED / name).read_text().partition("NoNewPrivileges=")[2].partition("\n\n")[0], re.M
            )
        )
        for name in SERVICES
    }
    assert len(fences) == 1


@pytest.mark.parametrize("page", [path.relative_to(ROOT) for path in PAGES], ids=str)
def test_every_unit_that_an_operator_is_sent_to_exists(page: Path) -> None:
    shipped = {path.name for path in SHIPPED.iterdir()}
    named = {
        f"{name}{'@' if instance else ''}{kind or '.service'}"
        for name, instance, kind in re.findall(
            r"(?<![\w/.-])(refund-api(?:-[a-z]+|(?=@)))(@?)[\w*$]*(\.(?:service|socket|timer))?",
            (ROOT / page).read_text(),
        )
    }
    assert named - shipped == set()


def test_every_timer_has_its_service() -> None:
    for timer in SHIPPED.glob("*.timer"):
        assert timer.with_suffix(".service").exists()
        (calendar,) = re.findall(r"^OnCalendar=(.*)$", timer.read_text(), re.MULTILINE)
        assert "Next elapse" in analyze("calendar", calendar)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """What an operator puts below /etc/refund-api."""
    url = f"sqlite:///{tmp_path}/refunds.db"
    return {"keys.json": ring("k0"), "database-url": url, "database-url-owner": url}


def unit(name: str, folder: Path, files: dict[str, str], instance: str = "") -> Unit:
    credentials = folder / f"credentials-of-{name}"
    credentials.mkdir()
    made = Unit(name, instance, credentials)
    made.place_credentials(files)
    return made


def run(name: str, folder: Path, files: dict[str, str], status: int = 0) -> str:
    """What a oneshot prints; `folder` has what /var/spool/refund-api has on a machine."""
    oneshot = unit(name, folder, files)
    command = [word.replace("/var/spool/refund-api", str(folder)) for word in oneshot.command()]
    done = subprocess.run(
        command, env=oneshot.environment(os.environ["PATH"]), cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == status, done.stderr
    return done.stdout


class Notified:
    """Where a service says that it is ready, as systemd listens for it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(START_TIMEOUT)

    def wait(self) -> None:
        assert self._socket.recv(1000).startswith(b"READY=1")

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def notified(tmp_path: Path) -> Iterator[Notified]:
    made = Notified(tmp_path / "notify")
    yield made
    made.close()


def code(connection: http.client.HTTPConnection) -> int:
    connection.request("POST", "/api/order/cancel")
    answer: int = json.loads(connection.getresponse().read())["code"]
    connection.close()
    return answer


def test_the_timers_and_the_migration_do_what_they_say(tmp_path: Path, files: dict[str, str]) -> None:
    assert run("refund-api-migrate.service", tmp_path, files).startswith("Upgraded: empty to ")
    assert run("refund-api-purge.service", tmp_path, files) == "0 expired nonces deleted.\n"
    (tmp_path / "orders").write_text(order_line("exported"))
    assert run("refund-api-feed.service", tmp_path, files).startswith("1 new, ")
    assert run("refund-api-audit.service", tmp_path, files).endswith("The ledger is right.\n")


def test_the_feed_fails_when_a_person_must_look(tmp_path: Path, files: dict[str, str]) -> None:
    run("refund-api-migrate.service", tmp_path, files)
    (tmp_path / "orders").write_text("half a li")
    assert "Nothing was imported." in run("refund-api-feed.service", tmp_path, files, status=1)


def test_a_node_says_when_it_is_ready_and_answers_what_it_has_before_it_ends(
    tmp_path: Path, files: dict[str, str], notified: Notified
) -> None:
    node = unit("refund-api@.service", tmp_path, files, instance="1")
    port = free_port()
    command = [word.replace("127.0.0.1:8001", f"127.0.0.1:{port}") for word in node.command()]
    assert f"127.0.0.1:{port}" in command
    environment = node.environment(os.environ["PATH"]) | {"NOTIFY_SOCKET": str(notified.path)}
    with started(command, environment, tmp_path / "log") as process:
        notified.wait()
        with socket.create_connection(("127.0.0.1", port), timeout=START_TIMEOUT) as client:
            client.sendall(
                b"POST /api/order/cancel HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: 4\r\nExpect: 100-continue\r\n\r\n"
            )
            assert client.recv(100).startswith(b"HTTP/1.1 100"), "it waits for the body"
            process.send_signal(signal.SIGTERM)
            client.sendall(b"null")
            answer = client.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200"), answer
        assert process.wait(START_TIMEOUT) == 0


def test_a_node_takes_the_sockets_of_its_socket_unit(tmp_path: Path, files: dict[str, str], notified: Notified) -> None:
    node = unit("refund-api@.service", tmp_path, files, instance="1")
    text = (SHIPPED / "refund-api@.socket").read_text().replace("%i", "1")
    assert re.findall("^ListenStream=(.*)$", text, re.M) == ["/run/refund-api/1.sock", "127.0.0.1:8001"]
    path, port = tmp_path / "1.sock", free_port()
    environment = node.environment(os.environ["PATH"]) | {"NOTIFY_SOCKET": str(notified.path)}
    command = [sys.executable, "-c", SYSTEMD, str(path), str(port), *node.command()]
    with started(command, environment, tmp_path / "log"):
        notified.wait()
        assert code(http.client.HTTPConnection("127.0.0.1", port, timeout=START_TIMEOUT)) == 1001
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(START_TIMEOUT)
            client.connect(str(path))
            client.sendall(b"POST /api/order/cancel HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert client.recv(65536).startswith(b"HTTP/1.1 200")
    assert path.exists(), "it is systemd's"
