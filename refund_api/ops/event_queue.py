"""Tells other sinks what happened, and lets no answer wait for them.

To count one answer right after it was made takes four times as long as to count many in a row: by then the caches of
the processor have lost what counting needs (docs/performance.md, 4). So in a worker whoever answers only puts the event
into a queue. A thread lets events gather, and then gives them to the sinks.

- The thread must never wait for a reader: else figures would stop with the log. So lines are written by another thread
  (stderr_handler.py).
- No event is lost while the process lives. Whoever finds the queue full gives its events to the sinks before going on.
- Whoever shows figures calls `catch_up` first, so that they have every answer that this process has given.

States of a process:
- no thread (the master, a command, a test, a worker that is being made): each event is given to the sinks at once;
- a thread;
- closed, at the end of the process, after the last answer: the queue is empty, and again there is no thread.
A child that is forked starts in the first state, with an empty queue; its parent has the events.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections import deque
from typing import Final
from weakref import WeakSet

from ..events import Broken, Event, Sink

log = logging.getLogger(__name__)

MOST_WAITING: Final = 2000
"""Events; they take about two megabytes."""
GATHER: Final = 0.25
"""Seconds that the thread lets events gather behind the first."""


class EventQueue:
    """A Sink that gives each event to all of `sinks`. An exception of one of them is logged, and the others go on."""

    def __init__(self, *sinks: Sink) -> None:
        self._sinks = sinks
        self._start_again()
        queues.add(self)

    def __call__(self, event: Event) -> None:
        """Take an event. A `Broken` goes to the sinks at once: its exception keeps all of its request in memory."""
        if not self._has_thread or isinstance(event.happening, Broken):
            self._give(event)
            return
        self._waiting.append(event)
        if len(self._waiting) >= MOST_WAITING:
            self.catch_up()
        elif not self._awake.is_set():
            self._awake.set()

    def catch_up(self) -> None:
        """Give the sinks what waits, in the order in which it came; return when they have it."""
        with self._giving:  # also waits for the event that another thread has in hand
            for _ in range(len(self._waiting)):
                self._give(self._waiting.popleft())

    def start_thread(self) -> None:
        """From now on a thread of this process gives events to the sinks. To be called once, in a worker."""
        self._has_thread = True
        threading.Thread(target=self._run, name="events", daemon=True).start()
        atexit.register(self.close)  # runs when the threads that answer have ended, and before logging writes the rest

    def close(self) -> None:
        """Give the sinks what waits, and end the thread."""
        self._has_thread = False
        self.catch_up()
        self._awake.set()

    def _start_again(self) -> None:
        """At first, and in a child that was forked."""
        self._has_thread = False
        self._waiting: deque[Event] = deque()
        self._giving = threading.Lock()
        self._awake = threading.Event()

    def _run(self) -> None:
        while self._has_thread:
            self._awake.wait()
            time.sleep(GATHER)
            self._awake.clear()
            self.catch_up()

    def _give(self, event: Event) -> None:
        for sink in self._sinks:
            try:
                sink(event)
            except Exception:
                log.exception("a sink of events failed")


queues: WeakSet[EventQueue] = WeakSet()
"""Those of the applications of this process. A worker serves one. The command that started it may have made another
one, whose queue stays empty."""


def start_threads() -> None:
    """Start the thread of each queue that this process has. Once, in a worker, when its application is made."""
    for queue in queues:
        queue.start_thread()


def _start_again() -> None:
    for queue in queues:
        queue._start_again()


os.register_at_fork(after_in_child=_start_again)
