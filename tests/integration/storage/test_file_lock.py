"""The lock in front of SQLite's writers: one at a time, in turn, and nothing left behind by those who gave up."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from refund_api.ports import LedgerUnavailable
from refund_api.storage import health
from refund_api.storage.engines.file_lock import FileLock, lock_of, lock_path
from refund_api.storage.unit_of_work import SqlUnitOfWork

from .conftest import forks
from .given import GENEROUS, ROOT, at_once, cancel

THREAD = "ledger-lock"


@pytest.fixture
def lock(tmp_path: Path) -> FileLock:
    (tmp_path / "ledger.db").touch(mode=0o640)
    return FileLock(tmp_path / "ledger.db")


@contextmanager
def held_by_another_process(lock: FileLock) -> Iterator[subprocess.Popen[str]]:
    code = (
        "import sys, time; from pathlib import Path; from refund_api.storage.engines.file_lock import FileLock\n"
        "with FileLock(Path(sys.argv[1])).held(1): print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(lock.path).removesuffix(".lock")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        try:
            yield child
        finally:
            child.kill()


def give_up(lock: FileLock) -> None:
    with pytest.raises(LedgerUnavailable, match="busy"), lock.held(0.02):
        raise AssertionError("not reached")


def waiting() -> int:
    return sum(thread.name == THREAD for thread in threading.enumerate())


def test_the_lock_is_had_by_one_at_a_time_and_by_all_in_the_end(lock: FileLock) -> None:
    inside, turns = [], []

    def enter() -> None:
        for _ in range(20):
            with lock.held(30):
                inside.append(1)
                assert len(inside) == 1
                time.sleep(0.001)
                inside.pop()
                turns.append(1)

    assert at_once([enter] * 6) == [None] * 6
    assert len(turns) == 120


def test_waiting_ends_and_who_gave_up_holds_nothing(lock: FileLock) -> None:
    with lock.held(1):
        began = time.monotonic()
        for _ in range(3):
            give_up(lock)
        assert time.monotonic() - began < GENEROUS
    for _ in range(3):
        with lock.held(10):
            pass


def test_the_lock_is_between_processes_too_and_ends_with_its_process(lock: FileLock) -> None:
    with held_by_another_process(lock):
        give_up(lock)
    with lock.held(10):
        pass


def test_however_many_give_up_there_are_no_more_waiters_than_callers_at_once(lock: FileLock) -> None:
    with held_by_another_process(lock):
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            assert at_once([lambda: give_up(lock)] * 3) == [None] * 3
        assert waiting() <= 3
        assert len(os.listdir("/proc/self/fd")) <= before + 3
    for _ in range(3):
        with lock.held(10):
            pass
    while waiting():
        time.sleep(0.01)
    assert len(os.listdir("/proc/self/fd")) <= before


def test_whoever_comes_after_one_that_gave_up_gets_the_lock_in_its_place(lock: FileLock) -> None:
    with held_by_another_process(lock) as holder:
        give_up(lock)
        threading.Timer(0.1, holder.kill).start()
        with lock.held(30):
            assert waiting() == 0


def test_a_lock_file_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    with (
        pytest.raises(LedgerUnavailable, match=r"no lock: .*No such file"),
        FileLock(tmp_path / "absent" / "ledger.db").held(1),
    ):
        raise AssertionError("not reached")


def test_a_system_without_another_thread_or_lock_is_unavailable_and_keeps_no_file_open(
    lock: FileLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    def no_locks(file: int, how: int) -> None:
        raise OSError("No locks available")

    with lock.held(1):
        before = os.listdir("/proc/self/fd")
        with monkeypatch.context() as without:
            without.setattr(threading.Thread, "start", no_more)
            with pytest.raises(LedgerUnavailable, match="no lock: can't start"), lock.held(1):
                raise AssertionError("not reached")
    with monkeypatch.context() as without:
        without.setattr(fcntl, "flock", no_locks)
        with pytest.raises(LedgerUnavailable, match="no lock: No locks"), lock.held(1):
            raise AssertionError("not reached")
    assert len(os.listdir("/proc/self/fd")) < len(before)


def test_a_wait_that_fails_is_told_and_forgotten(lock: FileLock, monkeypatch: pytest.MonkeyPatch) -> None:
    really = fcntl.flock

    def no_waiting(file: int, how: int) -> None:
        if not how & fcntl.LOCK_NB:
            raise OSError("No locks available")
        really(file, how)

    with lock.held(1), monkeypatch.context() as without:
        without.setattr(fcntl, "flock", no_waiting)
        with pytest.raises(LedgerUnavailable, match="No locks"), lock.held(1):
            raise AssertionError("not reached")
    with lock.held(1):
        assert waiting() == 0


@pytest.mark.parametrize("user", [0, 1000])
def test_the_lock_file_is_for_whoever_may_write_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int
) -> None:
    database = tmp_path / "ledger.db"
    database.touch()
    database.chmod(0o660)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    owners = []
    monkeypatch.setattr(os, "fchown", lambda file, user, group: owners.append((user, group)))
    old = os.umask(0o077)
    try:
        with FileLock(database).held(1):
            pass
    finally:
        os.umask(old)
    assert stat.S_IMODE(lock_path(database).stat().st_mode) == 0o660
    owner = database.stat()
    assert owners == [(-1 if user else owner.st_uid, owner.st_gid)]


def test_a_lock_file_that_cannot_be_used_is_told_by_check(sqlite_engine: Engine) -> None:
    path = lock_path(Path(sqlite_engine.url.database or ""))
    path.mkdir()
    assert health.check(sqlite_engine) == [f"the lock file cannot be used: [Errno 21] Is a directory: '{path}'"]
    with pytest.raises(LedgerUnavailable, match=r"no lock: .*Is a directory"):
        SqlUnitOfWork(sqlite_engine).run(cancel)


def test_a_lock_file_is_made_by_whoever_may_not_give_it_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: int, user: int, group: int) -> None:
        raise PermissionError("not root, and not of that group")

    (tmp_path / "ledger.db").touch()
    monkeypatch.setattr(os, "fchown", refuse)
    with FileLock(tmp_path / "ledger.db").held(1):
        pass


def test_all_who_write_one_database_have_one_lock(tmp_path: Path) -> None:
    assert lock_of(tmp_path / "ledger.db") is lock_of(tmp_path / "ledger.db")


@forks
def test_a_child_forked_while_the_lock_was_held_keeps_it_from_nobody(lock: FileLock) -> None:
    with lock.held(1):
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
    try:
        with lock.held(5):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@forks
def test_a_child_forked_while_somebody_had_given_up_gets_the_lock_when_it_is_free(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").touch()
    lock = lock_of(tmp_path / "ledger.db")
    with held_by_another_process(lock):
        give_up(lock)
        child = os.fork()
        if child == 0:
            try:
                with lock_of(tmp_path / "ledger.db").held(10):
                    os._exit(0)
            finally:
                os._exit(1)
        time.sleep(0.5)  # it waits for the lock now
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
