"""Three etcd on loopback, with the variables of deploy/patroni/etcd; each can be killed, and started with its old data."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from tests.servers import free_port, wait_for_port

from .member import ended_with_us, shipped_environment, start


@dataclass
class Etcd:
    """One member; `address` is where its clients ask."""

    address: str
    command: list[str | Path]
    env: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = start(self.command, self.env, self.log)

    def wait(self) -> None:
        """Until it listens."""
        assert self.process is not None
        wait_for_port(self.process, int(self.address.partition(":")[2]), self.log)

    def kill(self) -> None:
        """-9, as when its host is lost; nothing when it does not run."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def leads(self) -> bool:
        """Whether it leads the others. It must run."""
        connection = HTTPConnection(self.address, timeout=5)
        connection.request("POST", "/v3/maintenance/status", b"{}")
        status = json.loads(connection.getresponse().read())
        connection.close()
        return bool(status["leader"] == status["header"]["member_id"])


@contextmanager
def etcd_cluster(names: tuple[str, ...], directory: Path, logs: Path, user: list[str]) -> Iterator[list[Etcd]]:
    """The members, killed at the end; their data is below the directory."""
    peers = {name: f"http://127.0.0.1:{free_port()}" for name in names}
    members = [_member(name, peers, directory, logs, user) for name in names]
    try:
        for member in members:
            member.start()
        for member in members:
            member.wait()
        yield members
    finally:
        for member in members:
            member.kill()


def _member(name: str, peers: dict[str, str], directory: Path, logs: Path, user: list[str]) -> Etcd:
    address = f"127.0.0.1:{free_port()}"
    own = {
        "ETCD_NAME": name,
        "ETCD_DATA_DIR": str(directory / f"etcd-{name}"),
        **dict.fromkeys(("ETCD_LISTEN_PEER_URLS", "ETCD_INITIAL_ADVERTISE_PEER_URLS"), peers[name]),
        **dict.fromkeys(("ETCD_LISTEN_CLIENT_URLS", "ETCD_ADVERTISE_CLIENT_URLS"), f"http://{address}"),
        "ETCD_INITIAL_CLUSTER": ",".join(f"{name}={url}" for name, url in peers.items()),
    }
    log = logs / f"etcd-{name}.log"
    return Etcd(address, ended_with_us(user, "KILL", "etcd"), shipped_environment("etcd", own), log)
