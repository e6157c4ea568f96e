"""One node: a Patroni and the PostgreSQL server that it starts.

The server is no child of Patroni, so that either can be killed without the other; its `postmaster.pid` tells where it is.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from tests.replication import kill_with_children, until
from tests.servers import ROOT

SHIPPED = ROOT / "deploy" / "patroni"

_STOP_SECONDS = 60


@dataclass
class Member:
    """One node: a Patroni with its server. `env` are the variables of its patroni_env.conf."""

    name: str
    command: list[str | Path]
    env: dict[str, str]
    data: Path
    log: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return self.env["PATRONI_POSTGRESQL_CONNECT_ADDRESS"]

    def start(self) -> None:
        self.process = start(self.command, self.env, self.log)

    def kill(self) -> None:
        """-9 to Patroni and to its server, at one moment, as when the host is lost."""
        assert self.process is not None
        kill_with_children(self.process.pid, *self.server())
        self.process.wait()
        self.process = None

    def kill_patroni(self) -> None:
        """-9 to Patroni alone: its server goes on, and nobody tells it when another becomes the leader."""
        assert self.process is not None
        kill_with_children(self.process.pid)
        self.process.wait()
        self.process = None

    @property
    def url(self) -> str:
        """Of its server, for the administrator."""
        password = self.env["PATRONI_SUPERUSER_PASSWORD"]
        return f"postgresql://postgres:{password}@{self.address}/postgres?connect_timeout=2"

    def terminate(self) -> None:
        """Tell Patroni to stop its server and itself."""
        if self.process is not None:
            self.process.terminate()

    def wait_for_end(self) -> None:
        """After terminate(). A server whose Patroni was killed is stopped too; what takes too long is killed."""
        if self.process is not None:
            try:
                self.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        for pid in self.server():
            os.kill(pid, signal.SIGINT)
            with suppress(AssertionError):
                until(lambda: not self.server())
        for pid in self.server():
            kill_with_children(pid)

    def server(self) -> list[int]:
        """The process id of its server, while that runs; else nothing."""
        with suppress(OSError, ValueError, IndexError):
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
            if os.fsencode(self.data) in Path(f"/proc/{pid}/cmdline").read_bytes():
                return [pid]
        return []

    def takes_writes(self) -> bool:
        """Whether its server runs and is no standby, whatever Patroni knows of it."""
        with suppress(psycopg.OperationalError):
            return not self.value("SELECT pg_is_in_recovery()")
        return False

    def is_leader(self) -> bool:
        """Whether its Patroni says so."""
        return self.process is not None and self._get("/primary") is not None

    def cluster(self) -> list[dict[str, Any]]:
        """What its Patroni knows of all nodes; nothing when it does not answer."""
        content = self._get("/cluster") or b'{"members": []}'
        members: list[dict[str, Any]] = json.loads(content)["members"]
        return members

    def value(self, query: LiteralString) -> Any:
        """The first column of the first row; None when there is none."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            row = connection.execute(query).fetchone()
        return None if row is None else row[0]

    def patronictl(self, *arguments: str) -> None:
        """As an operator on this node."""
        *user, _, configuration = self.command
        command = [*user, "patronictl", "-c", configuration, *arguments]
        subprocess.run(command, env=self.env, check=True, stdout=subprocess.DEVNULL)

    def _get(self, path: str) -> bytes | None:
        connection = HTTPConnection(self.env["PATRONI_RESTAPI_CONNECT_ADDRESS"], timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            content = response.read()
        except (OSError, HTTPException):
            return None
        finally:
            connection.close()
        return content if response.status == 200 else None


def start(command: Sequence[str | Path], env: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """In a session of its own: Ctrl-C is for this program alone, which then stops the others in order."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )


def ended_with_us(user: list[str], how: str, program: str) -> list[str | Path]:
    """The command of a program that gets the signal `how` when this one ends, even by kill -9."""
    return [*user, "setpriv", "--pdeathsig", how, program]


def shipped_environment(name: str, own: Mapping[str, str]) -> dict[str, str]:
    """The variables of a shipped file, some with values of our own. KeyError: the file has no such variable."""
    lines = (SHIPPED / name).read_text(encoding="utf-8").splitlines()
    shipped = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    if unknown := own.keys() - shipped.keys():
        raise KeyError(f"{name} has no {', '.join(sorted(unknown))}")
    return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **shipped, **own}
