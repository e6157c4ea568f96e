"""What an import leaves: no file, socket or thread, as gunicorn's master imports all and forks; and nothing slow for nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.servers import ROOT

LEFT_BY_IMPORTS = """
import importlib, os, runpy, sys
def left():
    handles = {os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")}
    return handles | {f"thread {task}" for task in os.listdir("/proc/self/task")}
before = left()
for name in sys.argv[1:]:
    runpy.run_path(name) if name.endswith(".conf.py") else importlib.import_module(name)
print(*sorted(left() - before), sep="\\n", end="")
"""


def modules() -> Iterator[str]:
    """Every module of the product; but Alembic's environment, which is run and not imported."""
    yield from ("app", "gunicorn.conf.py", "wsgi")
    for package in ("refund_api", "schemas", "xml_contracts"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if parts[-2:] != ("migrations", "env"):
                yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def left_by_importing(*names: str, **environ: str) -> str:
    command = [sys.executable, "-c", LEFT_BY_IMPORTS, *names]
    env = {**os.environ, **environ}
    return subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("url", ["sqlite:///never-opened.db", "postgresql://nobody@127.0.0.1:1/none"])
def test_importing_every_module_opens_no_handle_and_starts_no_thread(url: str) -> None:
    names = list(modules())
    assert len(names) > 80
    keys = '{"keys": [{"kid": "test", "scheme": "legacy", "secret": "a shared secret of thirty-two b."}]}'
    assert left_by_importing(*names, REFUND_API_KEYS=keys, REFUND_API_DATABASE_URL=url) == ""


@pytest.mark.parametrize(
    ("code", "left"),
    [
        ("file = open(__file__)", "/planted.py"),
        ("import socket\nlistener = socket.socket()", "socket:["),
        ("import threading, time\nthreading.Thread(target=time.sleep, args=(1,)).start()", "thread "),
    ],
)
def test_what_a_planted_module_leaves_is_found(code: str, left: str, tmp_path: os.PathLike[str]) -> None:
    with open(os.path.join(tmp_path, "planted.py"), "w") as module:
        module.write(code)
    assert left in left_by_importing("planted", PYTHONPATH=str(tmp_path))


@pytest.mark.parametrize("url", ["sqlite:///never-opened.db", "postgresql://nobody@127.0.0.1:1/none"])
def test_a_worker_does_not_load_what_only_an_upgrade_or_a_terminal_needs(url: str) -> None:
    code = "import app, sys; app.create_app(); print(*sorted({'alembic', 'mako', 'structlog', 'rich'} & sys.modules.keys()))"
    env = {**os.environ, "REFUND_API_DATABASE_URL": url}
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, check=True, capture_output=True, text=True)
    assert loaded.stdout == "\n"
