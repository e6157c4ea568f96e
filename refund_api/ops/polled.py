"""What a slow look finds, for callers who cannot wait for it.

A look at a database that hangs takes until its budget ends, or longer. So it runs in a thread of its own, and there is
never more than one, however many ask. Who asks waits for it, but not long:
- what was found less than `fresh_seconds` ago is told at once;
- else a look begins, or has begun already, and is waited for until PATIENCE seconds after it began;
- after a look that failed, the next is waited for only until BRIEFLY: it is enough for a database that is back, and
  callers of a database that is away do not keep the threads that serve requests.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from ..ports import LedgerUnavailable

T = TypeVar("T")

log = logging.getLogger(__name__)

PATIENCE: Final = 0.8
BRIEFLY: Final = 0.05


class _Look(Generic[T]):
    """One run: when it began, whether it has ended, and what it found or why it failed."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.ended = threading.Event()
        self.found: T | None = None
        self.error: LedgerUnavailable | None = None

    def result(self) -> T:
        if self.error is not None:
            raise LedgerUnavailable(*self.error.args)
        assert self.found is not None
        return self.found


class Polled(Generic[T]):
    """Tells what `look` finds. `look` may raise whatever it likes; callers get LedgerUnavailable."""

    def __init__(self, look: Callable[[], T], *, fresh_seconds: float) -> None:
        self._look = look
        self._fresh_seconds = fresh_seconds
        self._mutex = threading.Lock()
        self._running: _Look[T] | None = None
        self._last: _Look[T] | None = None

    def __call__(self) -> T:
        """What was found last, within a second. LedgerUnavailable: the look failed, or has not ended in time."""
        with self._mutex:
            last = self._last
            if last is not None and time.monotonic() - last.began < self._fresh_seconds:
                return last.result()
            look = self._running or self._begin()
        patience = BRIEFLY if last is not None and last.error is not None else PATIENCE
        if look.ended.wait(look.began + patience - time.monotonic()):
            return look.result()
        if last is not None and last.error is not None:
            return last.result()
        raise LedgerUnavailable(f"no answer after {time.monotonic() - look.began:.1f} s")

    def _begin(self) -> _Look[T]:
        look = _Look[T]()
        try:
            threading.Thread(target=self._run, args=(look,), name="database-watch", daemon=True).start()
        except RuntimeError as error:
            raise LedgerUnavailable(f"it could not be examined: {error}") from error
        self._running = look
        return look

    def _run(self, look: _Look[T]) -> None:
        try:
            look.found = self._look()
        except LedgerUnavailable as error:
            look.error = error
        except Exception as error:
            log.exception("the database could not be examined")
            look.error = LedgerUnavailable(f"it could not be examined: {type(error).__name__}")
        with self._mutex:
            self._running, self._last = None, look
        look.ended.set()
