"""A WSGI target for tests: Ctrl-C comes while the main thread of the worker hands a request to the pool of threads."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import Flask

from app import make_served_app


def make_app() -> Flask:
    """gunicorn's target: it calls this in a worker."""
    pool: Any = ThreadPoolExecutor
    start_thread = pool._adjust_thread_count  # what submit() calls while it has the lock of the pool

    def interrupted(self: object) -> None:
        for number in (signal.SIGINT, signal.SIGQUIT):  # from the terminal, and from gunicorn's master
            signal.raise_signal(number)
        start_thread(self)

    pool._adjust_thread_count = interrupted
    return make_served_app()
