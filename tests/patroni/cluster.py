"""Three PostgreSQL servers under Debian's Patroni, and three etcd, on loopback, with the files of deploy/patroni as shipped.

Of the variables in the shipped files the tests set names, addresses, directories and passwords. At the end each Patroni
stops its server; so it does when this program is killed.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from psycopg import sql

from tests.postgres import as_another_user, binaries_directory, execute
from tests.replication import until
from tests.servers import free_port

from .etcd import Etcd, etcd_cluster
from .member import SHIPPED, Member, ended_with_us, shipped_environment

NAMES = ("one", "two", "three")
PATIENCE = 120.0  # seconds, on a busy machine, for a node to be there again and for a new leader
_ROLE = _DATABASE = "refund_api"


class Cluster:
    """All nodes; the service has a role and a database of its own in it, at `url`."""

    def __init__(self, members: list[Member], etcd: list[Etcd]) -> None:
        self.members = members
        self.etcd = etcd
        self._roles = ["leader", "replica", "sync_standby"]
        self._password = secrets.token_hex(16)

    @property
    def url(self) -> str:
        """All hosts, as docs/operations.md writes it."""
        hosts = ",".join(member.address for member in self.members)
        return f"postgresql://{_ROLE}:{self._password}@{hosts}/{_DATABASE}"

    def begin(self) -> None:
        """The first start: a leader, its standbys, then the role and the database of the service."""
        self.start_the_dead()
        role, database = sql.Identifier(_ROLE), sql.Identifier(_DATABASE)
        execute(
            self.leader().url,
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, self._password),
            sql.SQL("CREATE DATABASE {} OWNER {}").format(database, role),
        )

    def start_the_dead(self) -> None:
        """As systemd or an operator does, with the data as it was left; then wait until all is well."""
        for etcd in self.etcd:
            if etcd.process is None:
                etcd.start()
        for member in self.members:
            if member.process is None:
                member.start()
        self.wait_until_whole()

    def leader(self) -> Member:
        """The one whose Patroni says that it leads. LookupError: there is none at present."""
        for member in self.members:
            if member.is_leader():
                return member
        raise LookupError("there is no leader")

    def synchronous_standby(self) -> Member:
        """The one that COMMITs wait for. LookupError: there is none at present."""
        names = [row["name"] for row in self.leader().cluster() if row["role"] == "sync_standby"]
        for member in self.members:
            if member.name in names:
                return member
        raise LookupError("there is no synchronous standby")

    def waits_for_another(self, former: Member) -> bool:
        """Whether COMMITs wait for another standby than the former one."""
        with suppress(LookupError):
            return self.synchronous_standby() is not former
        return False

    def is_led_by_another(self, former: Member) -> bool:
        return any(member.is_leader() for member in self.members if member is not former)

    def is_led_by(self, member: Member) -> bool:
        """Whether this one leads, and no other."""
        return member.is_leader() and not self.is_led_by_another(member)

    def wait_until_whole(self) -> None:
        """A leader and two standbys that follow it, one of them for COMMITs to wait for."""
        until(self._is_whole, PATIENCE)

    def switch_over(self) -> None:
        """To the standby that COMMITs wait for."""
        leader, candidate = self.leader(), self.synchronous_standby()
        leader.patronictl("switchover", "--force", "--leader", leader.name, "--candidate", candidate.name)

    def wait_for_nobody(self) -> None:
        """From now on a COMMIT is answered as soon as the leader alone has it: refunds can be lost."""
        leader = self.leader()
        leader.patronictl(
            "edit-config", "--force", "-s", "synchronous_mode=false", "-s", "synchronous_mode_strict=false"
        )
        self._roles = ["leader", "replica", "replica"]
        until(lambda: leader.value("SHOW synchronous_standby_names") == "", PATIENCE)
        self.wait_until_whole()

    def stop(self) -> None:
        """All at once, so that none is promoted meanwhile."""
        for member in self.members:
            member.terminate()
        for member in self.members:
            member.wait_for_end()

    def _is_whole(self) -> bool:
        with suppress(LookupError):
            rows = self.leader().cluster()
            roles = sorted(row["role"] for row in rows)
            timelines = {row.get("timeline") for row in rows}
            states = {row["state"] for row in rows}
            return roles == self._roles and states <= {"running", "streaming"} and len(timelines) == 1
        return False


@contextmanager
def patroni_cluster(logs: Path) -> Iterator[Cluster]:
    """Three nodes and their etcd, stopped at the end; only their logs are kept."""
    with ExitStack() as exits:
        directory = exits.enter_context(tempfile.TemporaryDirectory(prefix="patroni"))
        user = as_another_user(directory)
        etcd = exits.enter_context(etcd_cluster(NAMES, Path(directory), logs, user))
        addresses = ",".join(member.address for member in etcd)
        shutil.copy(SHIPPED / "config.yml", directory)
        passwords = {name: secrets.token_hex(16) for name in ("SUPERUSER", "REPLICATION", "RESTAPI")}
        members = [_member(name, Path(directory), logs, user, addresses, passwords) for name in NAMES]
        cluster = Cluster(members, etcd)
        exits.callback(cluster.stop)
        cluster.begin()
        yield cluster


def _member(name: str, directory: Path, logs: Path, user: list[str], etcd: str, passwords: Mapping[str, str]) -> Member:
    server, rest = (f"127.0.0.1:{free_port()}" for _ in range(2))
    own = {
        "PATRONI_NAME": name,
        "PATRONI_POSTGRESQL_LISTEN": server,
        "PATRONI_POSTGRESQL_CONNECT_ADDRESS": server,
        "PATRONI_POSTGRESQL_DATA_DIR": str(directory / name),
        "PATRONI_POSTGRESQL_BIN_DIR": str(binaries_directory()),
        "PATRONI_POSTGRESQL_PGPASS": str(directory / f"{name}.pgpass"),
        "PATRONI_RESTAPI_LISTEN": rest,
        "PATRONI_RESTAPI_CONNECT_ADDRESS": rest,
        "PATRONI_ETCD3_HOSTS": etcd,
        **{f"PATRONI_{whose}_PASSWORD": password for whose, password in passwords.items()},
    }
    command = [*ended_with_us(user, "TERM", "patroni"), directory / "config.yml"]
    env = shipped_environment("patroni_env.conf", own)
    return Member(name, command, env, directory / name, logs / f"{name}.log")
