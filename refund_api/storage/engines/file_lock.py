"""A lock between processes and threads, had in turn: SQLite's own busy handler lets writers starve.

flock belongs to the open file, not to the thread, so every holder has opened it anew.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from ...ports import LedgerUnavailable


class _Place:
    """A place in the kernel's queue, kept by a thread, because flock knows no timeout."""

    def __init__(self, file: int) -> None:
        self.file = file
        self.reached = threading.Event()
        self.error: OSError | None = None


class FileLock:
    """One lock beside a database file, for the whole process.

    Whoever gives up leaves the place to the next who comes, so there are never more places than there were callers at
    once, however long another process holds the lock.
    """

    def __init__(self, database: Path) -> None:
        self.path = lock_path(database)
        self._database = database
        self._mutex = threading.Lock()
        self._left: list[_Place] = []

    @contextmanager
    def held(self, seconds: float) -> Iterator[None]:
        """Alone. LedgerUnavailable: not within `seconds`, or the lock file cannot be used."""
        try:
            file = self._acquire(seconds)
        except (OSError, RuntimeError) as error:  # RuntimeError: no thread can be started
            raise LedgerUnavailable(f"no lock: {error}") from error
        try:
            yield
        finally:
            _release(file)

    def probe(self) -> None:
        """OSError: the lock file cannot be used."""
        os.close(self._open())

    def _acquire(self, seconds: float) -> int:
        file = self._open()
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._queue(self._take_over(file), seconds)
        except OSError:
            os.close(file)
            raise
        return file

    def _open(self) -> int:
        """As SQLite does with its journal: whoever may write the database may use it, whoever made it, root too."""
        try:
            return os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            of = self._database.stat()
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with suppress(OSError):  # not root, and not of that group
            os.fchown(file, of.st_uid if os.geteuid() == 0 else -1, of.st_gid)
        os.fchmod(file, of.st_mode & 0o666)
        return file

    def _take_over(self, file: int) -> _Place:
        """A place that somebody left, or a new one at the end."""
        with self._mutex:
            if self._left:
                os.close(file)
                return self._left.pop(0)
        place = _Place(file)
        try:
            threading.Thread(target=self._wait, args=(place,), name="ledger-lock", daemon=True).start()
        except RuntimeError:
            os.close(file)
            raise
        return place

    def _wait(self, place: _Place) -> None:
        try:
            fcntl.flock(place.file, fcntl.LOCK_EX)
        except OSError as error:
            place.error = error
        with self._mutex:
            place.reached.set()
            if place in self._left:
                self._left.remove(place)
                _release(place.file)

    def _queue(self, place: _Place, seconds: float) -> int:
        place.reached.wait(seconds)
        with self._mutex:
            if not place.reached.is_set():
                self._left.append(place)
                raise LedgerUnavailable("the database is busy")
        if place.error is not None:
            os.close(place.file)
            raise place.error
        return place.file


def _release(file: int) -> None:
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_UN)  # closing alone leaves it to a child that was forked meanwhile
    os.close(file)


def lock_path(database: Path) -> Path:
    """Where the lock of a database is."""
    return database.with_name(f"{database.name}.lock")


@cache
def lock_of(database: Path) -> FileLock:
    """The process's one lock of a database, by its absolute path."""
    return FileLock(database)


os.register_at_fork(after_in_child=lock_of.cache_clear)  # the threads that wait in its places stayed behind
