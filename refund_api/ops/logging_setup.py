"""Sends everything that is logged to stderr in one shape: our lines, gunicorn's, warnings, and what kills a thread."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from typing import Any

from .line import as_json, as_text
from .stderr import Stderr
from .stderr_handler import StderrHandler

_log = logging.getLogger(__name__)

installed: StderrHandler | None = None
"""The handler of everything that this process logs, once `configure` was called."""


def configure(level: int) -> None:
    """Log from this level on: JSON lines, or text when stderr is a terminal. To be called again for another level."""
    global installed
    if installed is None:
        installed = _make_handler()
    root = logging.getLogger()
    root.setLevel(level)
    root.handlers[:] = [installed]
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it lists its plug-ins whenever a worker starts
    logging.captureWarnings(True)
    threading.excepthook = _thread_died
    sys.unraisablehook = _could_not_raise


def start_thread() -> None:
    """Let a thread write the lines of this process, so that nobody waits for a reader of stderr. Once, in a worker."""
    if installed is not None:
        installed.start_thread()


def count_drops_with(count: Callable[[int], None]) -> None:
    """From now on `count` is called with the number of lines whenever this process drops some."""
    if installed is not None:
        installed.on_drop = count


def _make_handler() -> StderrHandler:
    """A process may have been started without a stderr; descriptor 2 is then that of another file."""
    if sys.stderr is None:
        return StderrHandler(Stderr(None), as_json)
    return StderrHandler(Stderr(sys.stderr.fileno()), as_text if sys.stderr.isatty() else as_json)


def _thread_died(args: threading.ExceptHookArgs) -> None:
    _log.critical("a thread died", exc_info=args.exc_value)


def _could_not_raise(unraisable: Any) -> None:
    _log.error("an exception that could not be raised", exc_info=unraisable.exc_value)
