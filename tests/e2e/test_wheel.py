"""The wheel, installed into an empty environment, is the whole service: it is migrated, served and asked from there."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.servers import ROOT, START_TIMEOUT, Gunicorn, free_port, wait_until_listening

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
SOURCES = ("app.py", "wsgi.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")
PACKAGES = ("refund_api", "schemas", "xml_contracts")


def pip(*arguments: str, python: Path | None = None) -> None:
    """Run pip, for the environment of that Python; its settings and registries are those of this machine."""
    target = [] if python is None else ["--python", str(python)]
    subprocess.run([*PIP, *target, *arguments], check=True, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, because a build leaves files behind."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        shutil.copy(ROOT / name, source)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    pip("wheel", "--no-deps", "--wheel-dir", str(target), str(source))
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the commands of an environment that holds requirements.lock and the wheel, and nothing else."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    commands = environment / "bin"
    python = commands / "python"
    pip("install", "--no-compile", "--require-hashes", "--requirement", str(ROOT / "requirements.lock"), python=python)
    pip("install", "--no-compile", "--no-deps", str(wheel), python=python)
    return commands


@contextmanager
def serving(installed: Path, folder: Path, env: dict[str, str]) -> Iterator[Gunicorn]:
    port, log = free_port(), folder / "log"
    command = [str(installed / "refund-api"), "serve", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=output, stderr=output)
        try:
            server = Gunicorn("127.0.0.1", port, process, log)
            wait_until_listening(server)
            yield server
        finally:
            process.terminate()
            process.wait(START_TIMEOUT)


def test_the_wheel_has_what_is_no_python(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    migrations = ROOT / "refund_api" / "storage" / "migrations"
    assert {
        f"refund_api/storage/migrations/{path.relative_to(migrations)}" for path in migrations.rglob("*.py")
    } <= names
    assert "refund_api/storage/migrations/script.py.mako" in names
    not_python = {path.relative_to(ROOT).as_posix() for package in PACKAGES for path in (ROOT / package).rglob("*.*")}
    assert {name for name in not_python if not name.endswith((".py", ".pyc"))} - names == set()


def test_it_cancels_an_order_from_a_directory_that_knows_nothing_of_it(installed: Path, tmp_path: Path) -> None:
    keys = {"keys": [{"kid": "web", "scheme": "legacy", "secret": "a secret for this test alone"}]}
    env = {"PATH": os.environ["PATH"], "REFUND_API_DATABASE_URL": f"sqlite:///{tmp_path}/instance/refunds.db"}
    env["REFUND_API_KEYS"] = json.dumps(keys)

    def command(*arguments: str) -> str:
        program = str(installed / "refund-api")
        return subprocess.run(
            [program, *arguments], cwd=tmp_path, env=env, check=True, capture_output=True, text=True
        ).stdout

    command("db", "upgrade")
    order = command("orders", "demo").partition("One of them: ")[2].partition(",")[0]
    with serving(installed, tmp_path, env) as server:
        words = shlex.split(command("sign", order, "--url", server.url))
        body = words[words.index("--data-raw") + 1].encode()
        headers = {"Content-Type": "application/json"}
        with urlopen(Request(words[-1], body, headers), timeout=START_TIMEOUT) as response:
            answer = json.load(response)
        log = server.log.read_text()
    assert (answer["code"], answer["message"]) == (1, "Cancelled")
    assert answer["data"] in command("orders", "show", order)
    assert "Using worker: gthread" in log and "active keys: web" in log, "our configuration"
