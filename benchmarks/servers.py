"""Servers under load: any command that listens on a port of loopback, and what its processes use."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

from tests.servers import ROOT, START_TIMEOUT, free_port, listening

WORKERS: Final = os.cpu_count() or 1
"""Worker processes of every server in Python, as our configuration has it by default."""

PORT: Final = "{port}"
"""Stands for the port in a command."""


@dataclass(frozen=True)
class Command:
    """What starts a server, with PORT in it, and what its environment has beside ours."""

    words: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    folder: Path = ROOT


def gunicorn(target: str, env: Mapping[str, str], workers: int = WORKERS, folder: Path = ROOT) -> Command:
    """gunicorn with the configuration of the service, ours or that of a checkout; `target` is any WSGI application."""
    words = [sys.executable, "-m", "gunicorn", "-c", str(folder / "gunicorn.conf.py"), "-b", f"127.0.0.1:{PORT}"]
    return Command([*words, "-w", str(workers), target], env, folder)


def uvicorn(target: str, env: Mapping[str, str], workers: int = WORKERS) -> Command:
    """uvicorn with uvloop and httptools, which it takes by itself; `target` makes an ASGI application."""
    words = [sys.executable, "-m", "uvicorn", "--port", PORT, "--workers", str(workers), "--no-access-log"]
    return Command([*words, "--log-level", "warning", "--factory", target], env)


@dataclass(frozen=True)
class Server:
    """A running server; `host` is 127.0.0.1."""

    port: int
    process: subprocess.Popen[bytes]
    host: str = "127.0.0.1"

    def processor_seconds(self) -> float:
        """Of all its processes so far, and of those that have ended."""
        ticks = 0
        for pid in self.processes():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def settle(self) -> None:
        """Wait until it has done what was begun, so that it does not disturb the next one; two seconds at most."""
        used = -1.0
        for _ in range(20):
            before, used = used, self.processor_seconds()
            if used == before:
                return
            time.sleep(0.1)

    def processes(self) -> list[int]:
        """The first one, its children, and theirs."""
        pids = [self.process.pid]
        for pid in pids:
            pids += [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in _words(path)]
        return pids

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (lower-case names) and body of the answer to one request."""
        connection = HTTPConnection(self.host, self.port, timeout=START_TIMEOUT)
        try:
            connection.request("POST", path, body, dict(headers))
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
        finally:
            connection.close()


def _words(path: Path) -> list[str]:
    return path.read_text().split()


@contextmanager
def running(command: Command, log: Path) -> Iterator[Server]:
    """The server, listening; SIGTERM at the end, then wait. AssertionError with its log: it did not start."""
    port = free_port()
    words = [word.replace(PORT, str(port)) for word in command.words]
    with listening(words, port, log, command.env, command.folder) as process:
        yield Server(port, process)


@contextmanager
def all_running(commands: Mapping[str, Command], folder: Path) -> Iterator[dict[str, Server]]:
    """All of them at once, by name; whoever is not under load does nothing."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(running(command, folder / f"server{number}.log"))
            for number, (name, command) in enumerate(commands.items())
        }
