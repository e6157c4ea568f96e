"""A folder in place of a machine: a root shell in it, a real PostgreSQL, Debian's nginx.conf, and a copy of the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.nginx.certificates import make_certificate
from tests.nginx.site import debians_own
from tests.postgres import binaries_directory, own_server
from tests.servers import ROOT

from . import systemctl
from .page import fitted, fitted_file

_SOURCES = ("app.py", "wsgi.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE", "requirements.lock")
_PACKAGES = ("refund_api", "schemas", "xml_contracts")
_FOLDERS = (
    "etc/systemd/system",
    "etc/ssl/refund-api",
    "etc/nginx/sites-enabled",
    "var/backups",
    "var/lib/refund-api",
    "var/log/nginx",
    "usr/local/sbin",
    "run",
)


@dataclass(frozen=True)
class Machine:
    """Its root, the checkout in which its operator works, and the environment of the shell."""

    root: Path
    checkout: Path
    environment: dict[str, str]

    def types(self, text: str) -> str:
        """What the shell prints. AssertionError: a command failed."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.checkout,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{self.logs()}"
        return done.stdout

    def follows(self, *blocks: str) -> str:
        """Type blocks of the page, in one shell."""
        return self.types("\n".join(map(fitted, blocks)))

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-3000:] for path in self.root.glob("var/log/**/*.log"))


@contextmanager
def running_machine(root: Path) -> Iterator[Machine]:
    """What is installed on it runs until the end of the block."""
    for folder in _FOLDERS:
        (root / folder).mkdir(parents=True)
    address = f"127.99.{os.getpid() // 250 % 250}.{os.getpid() % 250 + 1}"
    with own_server() as server:
        machine = Machine(root, _checkout(root, address), _environment(root, address, server))
        _prepare_nginx(root)
        try:
            yield machine
        finally:
            for path in root.glob("run/*.pid"):
                with suppress(ProcessLookupError):
                    systemctl.stop(root, path.stem)


def _checkout(root: Path, address: str) -> Path:
    checkout = root / "checkout"
    checkout.mkdir()
    for name in _SOURCES:
        shutil.copy(ROOT / name, checkout)
    for name in _PACKAGES:
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "deploy", checkout / "deploy")
    for path in (checkout / "deploy").rglob("*"):
        if path.is_file():
            path.write_text(fitted_file(path.read_text(encoding="utf-8"), str(root), address), encoding="utf-8")
    return checkout


def _environment(root: Path, address: str, server: str) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{binaries_directory()}:{os.environ['PATH']}:/usr/sbin"
    database = {"PGHOST": server.partition("host=")[2], "PGUSER": "postgres", "PGDATABASE": "postgres"}
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.endswith("_proxy")}
    place = {"PATH": path, "HOME": os.environ["HOME"]}
    return {**pip, **place, **database, "MACHINE": str(root), "ADDRESS": address}


def _prepare_nginx(root: Path) -> None:
    nginx = root / "etc/nginx"
    (nginx / "nginx.conf").write_text(debians_own(nginx).replace(f"{nginx}/log", str(root / "var/log/nginx")))
    made = make_certificate(root)
    shutil.copy(made.certificate, root / "etc/ssl/refund-api/fullchain.pem")
    shutil.copy(made.key, root / "etc/ssl/refund-api/key.pem")
