"""Lets few requests of a worker wait for the same order, so that those for other orders find places in the ledger.

Whoever finds that another request has waited for the order for a second is refused: it would wait as long. Requests for
an order that nobody holds wait for milliseconds, however many come at once, and are not refused.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..ports import LedgerUnavailable
from .liveness import DOUBT_AFTER, Clock


class OrderWaits:
    """Who waits for which order, in this process."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._since: dict[str, list[float]] = {}

    @contextmanager
    def waiting(self, order_number: str) -> Iterator[None]:
        """Around a statement that may wait for another transaction on the order. LedgerUnavailable: refused."""
        began = self._clock()
        with self._lock:
            since = self._since.setdefault(order_number, [])
            if since and began - since[0] >= DOUBT_AFTER:
                raise LedgerUnavailable(f"another request has waited for this order for {DOUBT_AFTER:g} s")
            since.append(began)
        try:
            yield
        finally:
            with self._lock:
                since.remove(began)
                if not since:
                    del self._since[order_number]
