"""Writes bytes to stderr, whatever has become of it: a pipe that nobody reads, a full disk, a closed terminal."""

from __future__ import annotations

import os
import select
from typing import Final

ONE_WRITE: Final = 4096
"""Bytes (PIPE_BUF of Linux) that a pipe takes whole: lines of several processes do not mix."""


class Stderr:
    """The file descriptor of stderr, None where the process has none. One thread writes at a time."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor
        self._inside_a_line = False

    def write(self, lines: bytes, *, wait: bool) -> int:
        """Write whole lines. Returns how many of them are lost; without `wait` a full pipe loses them."""
        rest = lines
        try:
            if self._inside_a_line:
                self._write(b"\n", wait=wait)
                self._inside_a_line = False
            while rest:
                written = self._write(rest[:ONE_WRITE], wait=wait)
                self._inside_a_line = not rest[:written].endswith(b"\n")
                rest = rest[written:]
        except OSError:
            pass
        return rest.count(b"\n")

    def _write(self, content: bytes, *, wait: bool) -> int:
        """How many bytes were written, at least one; else OSError."""
        if self._descriptor is None or not (wait or self._is_ready()):
            raise BlockingIOError
        return os.write(self._descriptor, content)

    def _is_ready(self) -> bool:
        """Whether ONE_WRITE can be written now without waiting; a file on a disk always can."""
        assert self._descriptor is not None
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        return any(event & select.POLLOUT for _, event in poll.poll(0))
