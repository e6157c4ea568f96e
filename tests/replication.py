"""Two PostgreSQL servers, one streaming to the other; the primary may be killed, and then the roles change.

Binaries and user as in tests/postgres.py; Unix sockets in a private directory; ended by process id.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import quote

import psycopg

from tests.postgres import as_another_user, binaries_directory, stop_server, wait_for_server

PATIENCE = 30.0  # seconds until a server that should have done something counts as broken
_OPTIONS = (
    "listen_addresses=",
    "dynamic_shared_memory_type=mmap",  # in its directory, which takes along what a server killed -9 leaves
    "wal_keep_size=256MB",
    "wal_retrieve_retry_interval=500ms",  # else a standby whose primary died may be promoted 5 s late
)


@dataclass
class Node:
    """One server: `name` is its directory, and what it calls itself when it follows another."""

    name: str
    sockets: Path
    port: int
    user: list[str]
    binaries: Path = field(default_factory=binaries_directory)
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.sockets / self.name

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={quote(str(self.sockets))}&port={self.port}"

    def create(self) -> None:
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-N", "--no-locale", "-EUTF8")

    def copy(self, primary: Node) -> None:
        """Begin anew as a standby of another node; it must be started."""
        self._forget()
        source = f"host={self.sockets} port={primary.port} user=postgres application_name={self.name}"
        self._run("pg_basebackup", "-D", self.data, "-d", source, "--checkpoint=fast", "--no-sync", "-R")

    def start(self) -> None:
        log = self.sockets / f"{self.name}.log"
        settings = [part for option in _OPTIONS for part in ("-c", option)]
        place = ["-D", str(self.data), "-k", str(self.sockets), "-p", str(self.port)]
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [*self.user, self.binaries / "postgres", *place, *settings], stdout=output, stderr=output
            )
        wait_for_server(self.url, self.process, log)

    def stop(self) -> None:
        """A fast shutdown; harmless to repeat."""
        if self.process is not None:
            stop_server(self.process)
            self.process = None

    def kill(self) -> None:
        """-9 to the postmaster and to all its children."""
        assert self.process is not None
        kill_with_children(self.process.pid)
        self.process.wait()
        self.process = None

    def value(self, query: LiteralString) -> Any:
        """The first column of the first row; None when there is none."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            row = connection.execute(query).fetchone()
        return None if row is None else row[0]

    def _run(self, program: str, *arguments: str | Path) -> None:
        subprocess.run([*self.user, self.binaries / program, *arguments], check=True, stdout=subprocess.DEVNULL)

    def _forget(self) -> None:
        """Remove the directory, and the interlock segment that a killed server could not remove itself."""
        with suppress(FileNotFoundError):
            segment = (self.data / "postmaster.pid").read_text().splitlines()[6].split()[1]
            subprocess.run(["ipcrm", "-m", segment], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.data, ignore_errors=True)


class Pair:
    """A primary and its standby; they may be exchanged any number of times."""

    def __init__(self, primary: Node, standby: Node) -> None:
        self.nodes = (primary, standby)
        self.primary, self.standby = primary, standby

    @property
    def url(self) -> str:
        """Both, for a client that looks for the one that may be written."""
        hosts = "&".join(f"host={quote(str(node.sockets))}:{node.port}" for node in self.nodes)
        return f"postgresql://postgres@/postgres?{hosts}"

    def follow(self) -> None:
        """A fresh standby, streaming."""
        self.standby.copy(self.primary)
        self.standby.start()
        until(lambda: self.primary.value("SELECT state FROM pg_stat_replication") == "streaming")

    def wait_for_standbys(self, synchronous: bool) -> None:
        """Whether a COMMIT waits for the standby (any one of the two names) or for nobody."""
        names = f"ANY 1 ({', '.join(node.name for node in self.nodes)})" if synchronous else ""
        with psycopg.connect(self.primary.url, autocommit=True) as connection:
            connection.execute(psycopg.sql.SQL("ALTER SYSTEM SET synchronous_standby_names = {}").format(names))
            connection.execute("SELECT pg_reload_conf()")
        state = "quorum" if synchronous else "async"
        until(lambda: self.primary.value("SELECT sync_state FROM pg_stat_replication") == state)

    def stall(self) -> None:
        """Stop the primary's sender: nothing leaves the machine any more, not even into a socket's buffer."""
        os.kill(self.primary.value("SELECT pid FROM pg_stat_replication"), signal.SIGSTOP)

    def fail_over(self) -> None:
        """The primary, dead by now, and the standby change places."""
        self.primary, self.standby = self.standby, self.primary
        assert self.primary.value("SELECT pg_promote(true, 20)"), "the standby was not promoted"


@contextmanager
def nodes(*names: str) -> Iterator[list[Node]]:
    """Nodes that are neither created nor started; whatever runs at the end is killed, for nothing of it is kept."""
    with tempfile.TemporaryDirectory(prefix="pg") as directory:
        user = as_another_user(directory)
        found = [Node(name, Path(directory), 5432 + number, user) for number, name in enumerate(names)]
        try:
            yield found
        finally:
            for node in found:
                if node.process is not None:
                    node.kill()
                node._forget()


@contextmanager
def pair() -> Iterator[Pair]:
    """A primary whose COMMITs wait for nobody, and its standby, streaming."""
    with nodes("one", "two") as (one, two):
        one.create()
        one.start()
        found = Pair(one, two)
        found.follow()
        yield found


def kill_with_children(*pids: int) -> None:
    """-9 to processes and to all their children, at one moment; it waits until none of them runs."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)  # no child is born unseen
    everyone = [*pids, *(child for pid in pids for child in children_of(pid))]
    for pid in everyone:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until(lambda: not any(runs(pid) for pid in everyone))


def children_of(pid: int) -> list[int]:
    """Process ids, from /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            after_name = stat.read_text().rpartition(")")[2].split()
            if int(after_name[1]) == pid:
                found.append(int(stat.parent.name))
    return found


def runs(pid: int) -> bool:
    """Whether there is such a process, and it has not ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def until(reached: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Wait for it; AssertionError after `patience` seconds."""
    end = time.monotonic() + patience
    while not reached():
        assert time.monotonic() < end, "not reached in time"
        time.sleep(0.02)
