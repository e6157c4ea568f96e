"""Lets few requests of a worker wait for the same order, so that those for other orders find places in the ledger.

A request waits for an order as long as the lock budget allows, unless it would surely wait in vain:
- another request has waited for that order for a second already; or
- a wait for it was in vain a moment ago, and another request is trying again.
Then it is refused. Requests for an order that nobody holds wait for milliseconds, however many come at once, and none
of them is refused.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..ports import LedgerUnavailable
from .liveness import DOUBT_AFTER, Clock

_REMEMBERED = 3.0  # seconds that a wait in vain is remembered


class OrderWaits:
    """Who waits for which order, in this process."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._since: dict[str, list[float]] = {}
        self._in_vain: dict[str, float] = {}

    @contextmanager
    def waiting(self, order_number: str) -> Iterator[None]:
        """Around a statement that may wait for another transaction on the order. LedgerUnavailable: refused."""
        began = self._clock()
        with self._lock:
            self._enter(order_number, began)
        got_it = False
        try:
            yield
            got_it = True
        finally:
            with self._lock:
                self._leave(order_number, began, got_it)

    def _enter(self, order_number: str, now: float) -> None:
        since = self._since.get(order_number, [])
        if since and now - since[0] >= DOUBT_AFTER:
            raise LedgerUnavailable(f"another request has waited for this order for {DOUBT_AFTER:g} s")
        if since and now - self._in_vain.get(order_number, -_REMEMBERED) < _REMEMBERED:
            raise LedgerUnavailable("the lock of this order was waited for in vain, and another request tries again")
        self._since.setdefault(order_number, []).append(now)

    def _leave(self, order_number: str, began: float, got_it: bool) -> None:
        self._since[order_number].remove(began)
        if not self._since[order_number]:
            del self._since[order_number]
        now = self._clock()
        if got_it:
            self._in_vain.pop(order_number, None)
        elif now - began >= DOUBT_AFTER:
            fresh = {order: ended for order, ended in self._in_vain.items() if now - ended < _REMEMBERED}
            self._in_vain = fresh | {order_number: now}
