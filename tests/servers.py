"""Real servers for tests: gunicorn on a free port of loopback, started and stopped by process id."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).resolve().parent.parent
START_TIMEOUT = 60.0  # a machine that tests keep busy may need half a minute for the imports


class Server(Protocol):
    """Whatever answers HTTP: a gunicorn, or a proxy before several."""

    def connection(self, timeout: float) -> HTTPConnection:
        """Not yet open."""


@dataclass(frozen=True)
class Gunicorn:
    """A running gunicorn: where it listens, its master process, its log."""

    host: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def connection(self, timeout: float) -> HTTPConnection:
        return HTTPConnection(self.host, self.port, timeout=timeout)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def gunicorn(
    target: str,
    log: Path,
    env: Mapping[str, str] | None = None,
    workers: int = 1,
    project: Path = ROOT,
    port: int | None = None,
) -> Iterator[Gunicorn]:
    """Run a WSGI target under gunicorn.conf.py of the project, ours or a checkout; SIGTERM at the end, then wait."""
    port = port or free_port()
    command = [sys.executable, "-m", "gunicorn", "-c", str(project / "gunicorn.conf.py"), "-b", f"127.0.0.1:{port}"]
    with listening([*command, "-w", str(workers), target], port, log, env or {}, project) as process:
        yield Gunicorn("127.0.0.1", port, process, log)


@contextmanager
def listening(
    command: Sequence[str], port: int, log: Path, env: Mapping[str, str], folder: Path = ROOT
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command until the block ends, once it listens on this port of loopback; SIGTERM at the end, then wait.

    `env` is what its environment has beside ours. AssertionError, with its log: it did not start.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        try:
            wait_for_port(process, port, log)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=START_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def booted_workers(server: Gunicorn) -> list[int]:
    """The process ids of all workers that it has started until now, also of those that have ended."""
    return [int(pid) for pid in re.findall(r"Booting worker with pid: (\d+)", server.log.read_text())]


def wait_until_listening(server: Gunicorn) -> None:
    wait_for_port(server.process, server.port, server.log)


def wait_for_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until the process, or one of its children, listens on loopback. AssertionError: it ended, or is too slow."""
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"it did not start:\n{log.read_text(errors='replace')}")
