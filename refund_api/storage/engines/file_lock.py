"""A lock beside a SQLite file that processes and threads get in the order they came (docs/adr/0009).

SQLite's own busy handler lets writers starve; the kernel queues whoever waits in flock(). But flock() knows no timeout.
So a caller that does not get the lock at once lets a helper thread wait in flock(), and waits for the helper no longer
than it may.

A caller that gives up cannot call its helper back out of the kernel. It parks the helper, and the next caller adopts a
parked one, whose turn comes sooner, instead of starting another. So there are never more helpers than there were
callers at once, however long another process holds the lock.

The states of a helper, which change under the mutex:
- waiting: it stands in flock(), and one caller waits for it;
- parked: it stands in flock(), its caller gave up; the next caller makes it `waiting` again;
- reached: flock() has returned, with the lock or with an error; the caller takes the open file over;
- released: flock() has returned while it was parked; nobody wants the lock, so the helper gives it back at once.

flock() belongs to an open file, not to a thread: whoever holds or waits has opened the lock file for itself. Threads do
not survive a fork: a child begins with locks that have no helpers.
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


class _Helper:
    """A thread in the kernel's queue, and the open file that will hold the lock."""

    def __init__(self, file: int) -> None:
        self.file = file
        self.reached = threading.Event()
        self.error: OSError | None = None


class FileLock:
    """One lock beside a database file, for the whole process."""

    def __init__(self, database: Path) -> None:
        self.path = lock_path(database)
        self._database = database
        self._mutex = threading.Lock()
        self._parked: list[_Helper] = []

    @contextmanager
    def held(self, seconds: float) -> Iterator[None]:
        """Hold the lock inside the block. LedgerUnavailable: not free within `seconds`, or the file cannot be used."""
        try:
            file = self._acquire(seconds)
        except (OSError, RuntimeError) as error:  # RuntimeError: no thread can be started
            raise LedgerUnavailable(f"no lock: {error}") from error
        try:
            yield
        finally:
            _release(file)

    def probe(self) -> None:
        """Open the lock file and close it again. OSError: it cannot be used."""
        os.close(self._open())

    def _acquire(self, seconds: float) -> int:
        file = self._open()
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._wait_for(self._adopt_or_start(file), seconds)
        except OSError:
            os.close(file)
            raise
        return file

    def _open(self) -> int:
        """The lock file, open. A new one gets owner and rights of the database file, as a journal of SQLite does.

        So whoever may write the database may use the lock, even if root was the first to need it.
        """
        try:
            return os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            database = self._database.stat()
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with suppress(OSError):  # a user who is not root and not in that group may not give the file away
            os.fchown(file, database.st_uid if os.geteuid() == 0 else -1, database.st_gid)
        os.fchmod(file, database.st_mode & 0o666)
        return file

    def _adopt_or_start(self, file: int) -> _Helper:
        """A parked helper, which has an open file already, or a new helper at the end of the queue."""
        with self._mutex:
            if self._parked:
                os.close(file)
                return self._parked.pop(0)
        helper = _Helper(file)
        try:
            threading.Thread(target=self._stand_in_queue, args=(helper,), name="ledger-lock", daemon=True).start()
        except (RuntimeError, MemoryError):
            os.close(file)
            raise
        return helper

    def _stand_in_queue(self, helper: _Helper) -> None:
        """The thread of a helper: wait in flock(); give the lock back when nobody waits for this helper any more."""
        try:
            fcntl.flock(helper.file, fcntl.LOCK_EX)
        except OSError as error:
            helper.error = error
        with self._mutex:
            helper.reached.set()
            if helper in self._parked:
                self._parked.remove(helper)
                _release(helper.file)

    def _wait_for(self, helper: _Helper, seconds: float) -> int:
        helper.reached.wait(seconds)
        with self._mutex:
            if not helper.reached.is_set():
                self._parked.append(helper)
                raise LedgerUnavailable("the database is busy")
        if helper.error is not None:
            os.close(helper.file)
            raise helper.error
        return helper.file


def _release(file: int) -> None:
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_UN)  # closing is not enough: a child forked meanwhile has the file open too
    os.close(file)


def lock_path(database: Path) -> Path:
    """The path of the lock file of a database."""
    return database.with_name(f"{database.name}.lock")


@cache
def lock_of(database: Path) -> FileLock:
    """The lock of a database, of which this process has only one. `database` is an absolute path."""
    return FileLock(database)


os.register_at_fork(after_in_child=lock_of.cache_clear)  # the threads of its helpers stayed in the parent
