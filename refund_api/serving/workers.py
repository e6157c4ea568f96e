"""What gunicorn's hooks do about workers: the directory in which they count, and how and whether this one is to end."""

from __future__ import annotations

import signal
import sys
from typing import Any

from ..ops import worker_files
from ..settings.served import serving_settings

_worker: Any = None


def make_metrics_directory(server: Any) -> None:
    """For gunicorn's hook on_starting. SystemExit, with words: the directory cannot be made."""
    parent = serving_settings().metrics_dir
    try:
        worker_files.make_directory(parent, (server.cfg.uid, server.cfg.gid))
    except OSError as error:
        setting = f" (REFUND_API_METRICS_DIR={parent})" if parent else ""
        sys.exit(f"There is no place for metrics{setting}: {error}")


def child_exit(server: Any, worker: Any) -> None:
    """gunicorn's hook, in the master: a worker has ended."""
    worker_files.forget_worker(worker.pid)


def on_exit(server: Any) -> None:
    """gunicorn's hook, in the master: all workers have ended."""
    worker_files.remove_directory()


def remember(worker: Any) -> None:
    """In a worker that is about to serve: this process is that worker."""
    global _worker
    _worker = worker


def end_in_order(worker: Any) -> None:
    """In a worker that is about to serve: SIGINT (Ctrl-C) and SIGQUIT end it as SIGTERM does.

    gunicorn's own handler of these two takes the lock of the thread pool. When the main thread has that lock, because
    it hands on a request, the worker stands still until the master kills it, 25 seconds later.
    """
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, worker.handle_exit)


def draining() -> bool:
    """Whether this process is a worker that was told to end: it takes no connections any more, only finishes."""
    return _worker is not None and not _worker.alive
