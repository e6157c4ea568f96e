"""The units of deploy/systemd, as far as a test needs them: a file's settings, and a program started as systemd does."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.test_serve import COMMAND
from tests.servers import ROOT, START_TIMEOUT

SHIPPED = ROOT / "deploy" / "systemd"
INSTALLED = "/opt/refund-api/current/bin/refund-api"
"""For which COMMAND stands, the console script of this checkout."""


@dataclass(frozen=True)
class Unit:
    """A service as shipped, where `%i` is `instance` and `%d`, the directory of its credentials, is `credentials`."""

    name: str
    instance: str
    credentials: Path

    def values(self, setting: str) -> list[str]:
        """Every value of a setting, in the order of the file, with its specifiers replaced."""
        text = (SHIPPED / self.name).read_text(encoding="utf-8")
        values: list[str] = re.findall(rf"^{setting}=(.*)$", text, re.MULTILINE)
        return [value.replace("%i", self.instance).replace("%d", str(self.credentials)) for value in values]

    def command(self) -> list[str]:
        """ExecStart, of this checkout."""
        (line,) = self.values("ExecStart")
        program, *arguments = shlex.split(line)
        assert program == INSTALLED
        return [*COMMAND, *arguments]

    def environment(self, path: str) -> dict[str, str]:
        """What systemd gives the program: the PATH and what the unit names. PYTHONPATH stands for the installation."""
        named = dict(value.split("=", 1) for value in self.values("Environment"))
        return {"PATH": path, "PYTHONPATH": str(ROOT), **named}

    def place_credentials(self, files: Mapping[str, str]) -> None:
        """Do what LoadCredential says, with `files` in place of those below /etc/refund-api."""
        for value in self.values("LoadCredential"):
            name, _, source = value.partition(":")
            placed = self.credentials / name
            placed.write_text(files[source.removeprefix("/etc/refund-api/")])
            placed.chmod(0o400)


@contextmanager
def started(command: list[str], environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A service that runs until the end of the block, or that ended before; SIGTERM to its main process."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(START_TIMEOUT)
