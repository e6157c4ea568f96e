"""The handler of every log record: writes it to stderr, and keeps no answer waiting.

A reader of stderr may stall; a write then waits, for as long as the reader likes. So in a worker a thread writes, and
whoever logs only puts a line into a queue. The queue is bounded: what does not fit is dropped and counted, as is what
could not be written, and a line tells the count as soon as writing works. The thread takes many lines at a time, since
to be woken costs more than to write a line.

States of a process:
- no thread (the master, a worker that is being made): whoever logs writes, and a full pipe drops the line;
- a thread, which waits for a line, or for the end of the second of a line that is held back (outage_lines.py);
- closed, at the end of the process: the thread has a second to write what waits, then there is none.
A child that is forked starts in the first state, with an empty queue; its parent has the lines.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from .line import Line, line_of, make_line
from .outage_lines import OutageLines
from .stderr import ONE_WRITE, Stderr

MOST_WAITING: Final = 2000
"""Lines; they take about three megabytes."""
GATHER: Final = 0.1
"""Seconds that the thread lets lines gather behind the first."""
LAST_WORDS: Final = 1.0
"""Seconds that the end of a process waits for lines that are not written yet."""

DROPPED: Final = "log_lines_dropped"


def _nothing(dropped: int) -> None:
    pass


class StderrHandler(logging.Handler):
    """Writes records as `render` shows them: a line as a dictionary -> its text, without the line feed at its end.

    `on_drop` is called with the number of lines whenever some are dropped.
    """

    def __init__(self, stderr: Stderr, render: Callable[[Line], str]) -> None:
        super().__init__()
        self.on_drop: Callable[[int], None] = _nothing
        self._stderr = stderr
        self._render = render
        self._start_again()
        os.register_at_fork(after_in_child=self._start_again)

    def start_thread(self) -> None:
        """From now on a thread of this process writes. To be called once, in a worker."""
        self._thread.start()
        self._has_thread = True

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record; what it refers to is let go. Raises nothing: one that cannot be told counts as dropped."""
        try:
            line = line_of(record)
        except Exception:
            self._drop(1)
        else:
            self.put(line)

    def put(self, line: Line) -> None:
        """Take a line; nobody else may have it any more."""
        if not self._has_thread:
            with self._direct:
                self._write([line], wait=False)
        elif len(self._waiting) >= MOST_WAITING:
            self._drop(1)
        else:
            self._waiting.append(line)
            if not self._awake.is_set():
                self._awake.set()

    def close(self) -> None:
        """Let the thread write what waits, and end it. `logging` calls this at the end of the process."""
        if self._has_thread:
            self._closing.set()
            self._awake.set()
            self._thread.join(LAST_WORDS)
            self._has_thread = False
        super().close()

    def _start_again(self) -> None:
        """At first, and in a child that was forked, where a thread of the parent may have held a lock."""
        self._has_thread = False
        self._waiting: deque[Line] = deque()
        self._outage = OutageLines()
        self._dropped = 0
        self._count = threading.Lock()
        self._direct = threading.Lock()
        self._awake = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread = threading.Thread(target=self._run, name="log lines", daemon=True)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._awake.wait(GATHER if self._outage.holds else None)
            self._closing.wait(GATHER)
            self._awake.clear()
            self._write(self._taken(), wait=True)
        self._write(self._taken(), wait=True)

    def _taken(self) -> Iterator[Line]:
        for _ in range(len(self._waiting)):
            yield self._waiting.popleft()

    def _write(self, waiting: Iterable[Line], *, wait: bool) -> None:
        """Write in pieces that a pipe takes whole."""
        piece = b""
        for content in self._contents(waiting):
            if piece and len(piece) + len(content) > ONE_WRITE:
                self._put(piece, wait=wait)
                piece = b""
            piece += content
        if piece:
            self._put(piece, wait=wait)

    def _contents(self, waiting: Iterable[Line]) -> Iterator[bytes]:
        """The bytes of each line that is to be written now; of the lines of an outage those whose time has come."""
        now = time.monotonic()
        for line in waiting:
            try:
                if not self._has_thread or self._outage.admit(line, now):
                    yield self._bytes_of(line)
            except Exception:  # the thread must live on
                self._drop(1)
        at_end = self._closing.is_set()
        for line in self._outage.due(float("inf") if at_end else now):
            yield self._bytes_of(line)

    def _put(self, piece: bytes, *, wait: bool) -> None:
        if lost := self._stderr.write(piece, wait=wait):
            self._drop(lost)
        elif self._dropped:
            with self._count:
                dropped, self._dropped = self._dropped, 0
            line = make_line(time.time(), logging.WARNING, DROPPED, {"lines": dropped})
            if self._stderr.write(self._bytes_of(line), wait=wait):
                self._tell_later(dropped)

    def _bytes_of(self, line: Line) -> bytes:
        return f"{self._render(line)}\n".encode("utf-8", "backslashreplace")

    def _drop(self, count: int) -> None:
        self.on_drop(count)
        self._tell_later(count)

    def _tell_later(self, dropped: int) -> None:
        with self._count:
            self._dropped += dropped
