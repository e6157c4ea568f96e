"""Debian's pgbouncer before a PostgreSQL, on loopback, in the mode that docs/operations.md names for its version."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url

from tests.postgres import as_another_user
from tests.servers import START_TIMEOUT, free_port, wait_for_port

_KNOWS_STATEMENTS = (1, 21)
FORGETFUL = "pool_mode = transaction\ndefault_pool_size = 4"
"""What nobody should set, on a version that knows no prepared statements or with max_prepared_statements at 0."""
CONFIGURATION = """\
[databases]
* = host={host}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
{mode}
"""


@dataclass
class Bouncer:
    """A pgbouncer; `url` is its database. It can be killed, and started again on the same port."""

    url: str
    port: int
    command: list[str | Path]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        wait_for_port(self.process, self.port, self.log)

    def kill(self) -> None:
        """-9; its clients and its server lose their connections."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(START_TIMEOUT)


@contextmanager
def running_bouncer(url: str, log: Path, mode: str | None = None) -> Iterator[Bouncer]:
    """Before the database at `url`, which is a Unix socket; killed at the end. Settings `mode`: as the docs say."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        raise FileNotFoundError("There is no pgbouncer; on Debian: apt install pgbouncer")
    database, port = make_url(url), free_port()
    with tempfile.TemporaryDirectory(prefix="pgbouncer") as name:
        folder = Path(name)
        (folder / "users").write_text(f'"{database.username}" ""\n')
        settings = CONFIGURATION.format(
            host=database.query["host"], port=port, folder=folder, mode=mode or mode_of(program)
        )
        (folder / "pgbouncer.ini").write_text(settings)
        command: list[str | Path] = [*as_another_user(name), program, folder / "pgbouncer.ini"]
        bouncer = Bouncer(f"postgresql://{database.username}@127.0.0.1:{port}/{database.database}", port, command, log)
        bouncer.start()
        try:
            yield bouncer
        finally:
            bouncer.kill()


def mode_of(program: str) -> str:
    """The settings of a pgbouncer that knows prepared statements, and of one that does not."""
    printed = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
    version = tuple(map(int, re.findall(r"\d+", printed)[:2]))
    if version < _KNOWS_STATEMENTS:
        return "pool_mode = session\ndefault_pool_size = 20"
    return "pool_mode = transaction\nmax_prepared_statements = 200\ndefault_pool_size = 4"
