"""The figures of all workers of one gunicorn: each worker writes files of its own, and any of them adds all up.

prometheus_client keeps figures in memory, or in files whose names have the process id. It chooses when it is imported,
for the whole process. That is too early here: a command may import it before gunicorn has forked. So `this_worker`
chooses anew for each application that is made.

- The master makes the directory before there is a worker (make_directory), and takes it away at the end.
- A worker finds the directory in memory, inherited from the master. Without such a master, figures stay in memory.
- When a worker has ended, the master removes the files of its gauges (forget_worker), which speak of living workers.
  The files of its counters stay: what they counted has happened.

The space of a file is taken from the disk before the file is used. Otherwise counting on a full disk would end the
worker with SIGBUS, behind a refund that is recorded.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from prometheus_client import values
from prometheus_client.multiprocess import mark_process_dead

log = logging.getLogger(__name__)

LIVING: Final = "livesum"
"""The mode of a gauge that is the sum over the workers that live."""

_NAME: Final = "refund-api-metrics"
_IN_MEMORY: Final = Path("/dev/shm")
_KINDS: Final = ("counter", "histogram", f"gauge_{LIVING}")
_SIZE: Final = 64 * 1024  # bytes; the label sets of a worker fit in

_directory: Path | None = None


def make_directory(parent: Path | None, owner: tuple[int, int] = (-1, -1)) -> None:
    """In the master, before it forks: a new directory in `parent`, or in memory. OSError: it cannot be made.

    `owner` is the user and group id of the workers. What masters that were killed left in `parent` is removed. Harmless
    to repeat.
    """
    global _directory
    if _directory is not None:
        return
    if parent is None:
        parent = _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    _remove_left_behind(parent)
    _directory = Path(tempfile.mkdtemp(prefix=f"{_NAME}-{os.getpid()}-", dir=parent))
    os.chown(_directory, *owner)


def remove_directory() -> None:
    """In the master, when no worker is left."""
    global _directory
    if _directory is not None:
        shutil.rmtree(_directory, ignore_errors=True)
    _directory = None


def forget_worker(process_id: int) -> None:
    """In the master, when a worker has ended."""
    if _directory is not None:
        mark_process_dead(process_id, str(_directory))  # type: ignore[no-untyped-call]


def this_worker() -> Path | None:
    """Choose where the figures of this process are kept from now on: in files of this directory, or None: in memory."""
    directory = _directory if _directory is not None and _reserved(_directory) else None
    if directory is None:
        values.ValueClass = values.MutexValue
    else:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
        values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]
    return directory


def _reserved(directory: Path) -> bool:
    """Make the files of this process at their full size; False when there is no space, and then none is left.

    They get their names when they are whole: another worker may read all that have such a name at any time.
    """
    names = [directory / f"{kind}_{os.getpid()}.db" for kind in _KINDS]
    making = {name: name.with_suffix(".new") for name in names if not name.exists()}
    try:
        for path in making.values():
            with path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, _SIZE)
    except OSError as error:
        log.error("this worker counts for itself alone, /metrics is incomplete: %s: %s", directory, error.strerror)
        for path in making.values():
            path.unlink(missing_ok=True)
        return False
    for name, path in making.items():
        path.rename(name)
    return True


def _remove_left_behind(parent: Path) -> None:
    for path in parent.glob(f"{_NAME}-*-*"):
        match = re.fullmatch(rf"{_NAME}-(\d+)-\w+", path.name)
        if match and not _runs(int(match[1])):
            shutil.rmtree(path, ignore_errors=True)


def _runs(process_id: int) -> bool:
    with suppress(PermissionError):  # it runs, and is somebody else's
        try:
            os.kill(process_id, 0)
        except ProcessLookupError:
            return False
    return True
