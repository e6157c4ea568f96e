"""The line that a server logs once it has started: its workers and threads, and whether the database allows so many.

The database is asked in a thread of the first worker. So it keeps nothing from starting, and no connection to it
crosses a fork.
"""

from __future__ import annotations

import logging
import threading
from typing import Final

from ..ports import LedgerUnavailable
from ..settings import Settings
from ..storage import questions, watch
from ..storage.connection_limit import connection_limit
from ..storage.engines.urls import make_engine
from ..storage.gate import threads_for

log = logging.getLogger(__name__)

_BESIDE_REQUESTS: Final = questions.CONNECTIONS + watch.CONNECTIONS
"""Connections of a worker for the questions of the gate, for health and for figures."""

_PATIENCE: Final = 1.0
"""Seconds that the database has to answer."""


def tell_connections(workers: int, threads: int, settings: Settings) -> threading.Thread:
    """Start the thread that logs the line. `threads` is how many gunicorn gives each worker."""
    asking = threading.Thread(target=_tell, args=(workers, threads, settings), name="connections", daemon=True)
    asking.start()
    return asking


def _tell(workers: int, threads: int, settings: Settings) -> None:
    if threads != threads_for(settings.threads):
        log.warning(
            "gunicorn was given %d threads for each worker, where %d are right: set REFUND_API_THREADS, not --threads",
            threads,
            threads_for(settings.threads),
        )
    size = f"serving with {workers} workers of {settings.threads} threads each"
    needed = workers * (settings.threads + _BESIDE_REQUESTS)
    engine = make_engine(settings.database_url, threads=1)
    try:
        allowed = connection_limit(engine, _PATIENCE)
    except LedgerUnavailable as error:
        log.warning("%s; the database could not be asked whether it allows %d connections: %s", size, needed, error)
        return
    finally:
        engine.dispose()
    if allowed is None:
        log.info("%s", size)
    elif needed <= allowed:
        log.info("%s; the database allows %d connections, %d are needed", size, allowed, needed)
    else:
        log.warning(
            "%s; the database allows only %d connections, %d are needed: some requests will be answered 3001. "
            "Raise its limit, or set WEB_CONCURRENCY or REFUND_API_THREADS lower",
            size,
            allowed,
            needed,
        )
