"""Stands for systemctl on a machine that is a folder: its path, a verb (start, stop, restart, enable) and units.

It runs what the units below etc/systemd/system say, with the credentials that they load: a oneshot to its end, a node in
the background, with its process id in run/. `systemctl reload nginx` starts nginx. A timer must exist, and never fires.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path


def main(machine: Path, verb: str, names: list[str]) -> None:
    for name in names:
        if name == "nginx":
            _start_nginx(machine)
        elif name.endswith(".timer"):
            assert (machine / "etc/systemd/system" / name).exists(), name
        else:
            if verb in ("stop", "restart"):
                stop(machine, name)
            if verb in ("start", "restart", "enable"):
                _start(machine, name)


def _start(machine: Path, name: str) -> None:
    template, at, instance = name.partition("@")
    credentials = machine / "run" / f"{name}.credentials"
    credentials.mkdir(exist_ok=True, mode=0o700)
    unit = (machine / "etc/systemd/system" / f"{template}{at}.service").read_text(encoding="utf-8")
    unit = unit.replace("%d", str(credentials)).replace("%i", instance)
    for credential, source in re.findall(r"^LoadCredential=(.*?):(.*)$", unit, re.MULTILINE):
        (credentials / credential).write_bytes(Path(source).read_bytes())
        (credentials / credential).chmod(0o600)
    command = shlex.split(re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)[0])
    environment = {"PATH": os.environ["PATH"], **dict(re.findall(r"^Environment=(\w+)=(.*)$", unit, re.MULTILINE))}
    if "Type=oneshot" in unit:
        subprocess.run(command, env=environment, check=True)
    else:
        _start_in_background(machine, name, command, environment)


def _start_nginx(machine: Path) -> None:
    """Give it the time to open its ports, after which it writes the file of its process id."""
    folder, errors = machine / "etc/nginx", machine / "var/log/nginx/error.log"
    command = ["nginx", "-c", str(folder / "nginx.conf"), "-e", str(errors), "-g", "daemon off;"]
    process = _start_in_background(machine, "nginx", command, dict(os.environ))
    while not (folder / "nginx.pid").read_text():  # `nginx -t` has left an empty one
        assert process.poll() is None, errors.read_text()
        time.sleep(0.05)


def _start_in_background(
    machine: Path, name: str, command: list[str], environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    with (machine / "var/log" / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    (machine / "run" / f"{name}.pid").write_text(str(process.pid))
    return process


def stop(machine: Path, name: str) -> None:
    """SIGTERM to what this module started under that name, and wait for its end; nothing when it does not run."""
    file = machine / "run" / f"{name}.pid"
    if file.exists():
        process_id = int(file.read_text())
        file.unlink()
        os.kill(process_id, signal.SIGTERM)
        while _is_running(process_id):
            time.sleep(0.05)


def _is_running(process_id: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{process_id}/stat").read_text()
    except OSError:
        return False


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], [word for word in sys.argv[3:] if not word.startswith("-")])
