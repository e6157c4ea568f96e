"""What only SQLite does: one file, one writer, and a disk that may be full."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import time
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Connection, Engine, event, select, text
from sqlalchemy.exc import DBAPIError

from refund_api.domain import Nonce
from refund_api.ports import Ledger, LedgerUnavailable
from refund_api.storage import health
from refund_api.storage.budget import Budget, Verdict
from refund_api.storage.engines import sqlite
from refund_api.storage.engines.file_lock import lock_path
from refund_api.storage.engines.sqlite import journal, make_database
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.tables import refund
from refund_api.storage.transaction import run_writing
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.world import ORDER

from .conftest import forks, opened
from .given import SMALL, a_nonce, book, cancel, count


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ((3, 40, 1), ("delete", "EXTRA")),
        ((3, 44, 5), ("delete", "EXTRA")),
        ((3, 44, 6), ("wal", "FULL")),
        ((3, 45, 0), ("delete", "EXTRA")),
        ((3, 50, 6), ("delete", "EXTRA")),
        ((3, 50, 7), ("wal", "FULL")),
        ((3, 51, 2), ("delete", "EXTRA")),
        ((3, 51, 3), ("wal", "FULL")),
        ((3, 52, 0), ("wal", "FULL")),
    ],
)
def test_wal_is_used_only_where_its_reset_is_mended(version: tuple[int, int, int], expected: tuple[str, str]) -> None:
    assert journal(version) == expected


@pytest.mark.parametrize(("version", "mode", "synchronous"), [((3, 40, 1), "delete", 3), ((3, 51, 3), "wal", 2)])
def test_every_connection_is_durable_and_keeps_the_foreign_keys(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...], mode: str, synchronous: int
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    with opened(sqlite_url) as engine, engine.connect() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == mode
        assert connection.scalar(text("PRAGMA synchronous")) == synchronous
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1


@pytest.fixture
def no_wal(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a library whose WAL is not mended, whichever there is."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 40, 1))


@pytest.mark.usefixtures("no_wal")
def test_a_wal_that_cannot_be_left_is_refused(sqlite_url: str, sqlite_engine: Engine) -> None:
    with sqlite3.connect(sqlite_engine.url.database or "", isolation_level=None) as other:
        other.execute("PRAGMA journal_mode = wal")
        other.execute("SELECT count(*) FROM orders")
        with pytest.raises(LedgerUnavailable):
            SqlUnitOfWork(sqlite_engine, budget=SMALL).run(cancel)
    other.close()
    assert SqlUnitOfWork(sqlite_engine).run(lambda ledger: ledger.lock_order(ORDER)) is None


def test_a_journal_that_is_not_the_wanted_one_is_refused(
    sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "journal", lambda version: ("unheard_of", "FULL"))
    with pytest.raises(LedgerUnavailable, match=r"the journal is (delete|wal) and cannot be made unheard_of"):
        SqlUnitOfWork(sqlite_engine).run(cancel)


def test_a_full_disk_is_unavailable_and_leaves_the_ledger_whole(sqlite_url: str) -> None:
    with opened(sqlite_url, threads=1) as engine:
        book(engine)
        with engine.connect() as connection:
            pages = connection.scalar(text("PRAGMA page_count"))
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

        def fill(ledger: Ledger) -> None:
            cancel(ledger)
            for number in range(10_000):
                ledger.claim_nonce(_nonce(number), ORDER)

        with pytest.raises(LedgerUnavailable, match="full"):
            SqlUnitOfWork(engine).run(fill)
        assert count(engine, refund) == 0
        with engine.connect() as connection:
            assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
            connection.exec_driver_sql("PRAGMA max_page_count = 100000")
        assert isinstance(SqlUnitOfWork(engine).run(cancel), str)


def _nonce(number: int) -> Nonce:
    return replace(a_nonce(), value=f"{number:064}")


def test_a_read_only_database_is_unavailable_at_once(sqlite_engine: Engine) -> None:
    book(sqlite_engine)

    @event.listens_for(sqlite_engine, "checkout")
    def make_read_only(driver: sqlite3.Connection, record: object, proxy: object) -> None:
        driver.execute("PRAGMA query_only = 1")

    with pytest.raises(LedgerUnavailable, match="readonly"):
        SqlUnitOfWork(sqlite_engine).run(cancel)


def test_a_writer_that_knows_nothing_of_the_file_lock_is_waited_for(sqlite_engine: Engine) -> None:
    book(sqlite_engine)
    with sqlite3.connect(sqlite_engine.url.database or "", isolation_level=None, check_same_thread=False) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerUnavailable, match="locked"):
            SqlUnitOfWork(sqlite_engine, budget=SMALL).run(cancel)
        threading.Timer(0.3, other.rollback).start()
        assert isinstance(SqlUnitOfWork(sqlite_engine).run(cancel), str)
    other.close()


def test_a_transaction_that_has_only_read_keeps_other_writers_out_already(sqlite_engine: Engine) -> None:
    other = sqlite3.connect(sqlite_engine.url.database or "", isolation_level=None, timeout=0, check_same_thread=False)

    def work(ledger: Ledger) -> None:
        ledger.lock_order(ORDER)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")

    SqlUnitOfWork(sqlite_engine).run(work)
    other.close()


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true", "sqlite:////a?b.db"]
)
def test_a_database_that_is_no_file_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"plain file|no options"):
        make_engine(url, threads=1)


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"there is no directory {tmp_path}/absent that may be entered: restore it"):
        make_engine(f"sqlite:///{tmp_path}/absent/ledger.db", threads=1)


@pytest.mark.parametrize("directory", ["job%2Fmain", "what?x"])
def test_a_relative_path_means_the_working_directory_whatever_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directory: str
) -> None:
    (tmp_path / directory).mkdir()
    monkeypatch.chdir(tmp_path / directory)
    with opened("sqlite:///ledger.db") as engine:
        make_database(engine)
        run_writing(engine, lambda connection: connection.execute(text("CREATE TABLE here (x)")))
    assert [path.name for path in tmp_path.iterdir()] == [directory]
    assert (tmp_path / directory / "ledger.db").stat().st_size


@pytest.mark.parametrize("name", ["a?mode=rwc", "50%41", "a#b", "訂單 1"])
def test_any_name_of_a_file_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    url = URL.create("sqlite", database=f"{tmp_path}/{name}").render_as_string()
    with opened(url) as engine:
        make_database(engine)
        run_writing(engine, lambda connection: connection.execute(text("CREATE TABLE here (x)")))
    assert {path.name for path in tmp_path.iterdir()} == {name, f"{name}.lock"}


def test_a_file_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with opened(f"sqlite:///{tmp_path}/folder") as engine, pytest.raises(LedgerUnavailable, match="cannot be made"):
        make_database(engine)


@pytest.mark.usefixtures("no_wal")  # which would have to be removed too, see docs/reliability.md
def test_a_file_that_a_restore_has_replaced_is_left_for_the_new_one(sqlite_engine: Engine, tmp_path: Path) -> None:
    book(sqlite_engine)
    file = Path(sqlite_engine.url.database or "")
    shutil.copy(file, tmp_path / "backup")
    SqlUnitOfWork(sqlite_engine).run(cancel)
    (tmp_path / "backup").replace(file)
    assert count(sqlite_engine, refund) == 0
    number = SqlUnitOfWork(sqlite_engine).run(cancel)
    with opened(f"sqlite:///{file}") as another, another.connect() as connection:
        assert connection.scalar(select(refund.c.refund_id)) == number


@pytest.mark.usefixtures("no_wal")  # as above
def test_a_commit_to_a_file_that_a_restore_replaced_meanwhile_is_acknowledged_to_nobody(
    sqlite_engine: Engine, tmp_path: Path
) -> None:
    book(sqlite_engine)
    file = Path(sqlite_engine.url.database or "")
    shutil.copy(file, tmp_path / "backup")

    def be_restored(ledger: Ledger) -> object:
        number = cancel(ledger)
        (tmp_path / "backup").replace(file)
        return number

    with pytest.raises(LedgerUnavailable, match="was replaced before the commit"):
        SqlUnitOfWork(sqlite_engine).run(be_restored)
    assert count(sqlite_engine, refund) == 0
    assert isinstance(SqlUnitOfWork(sqlite_engine).run(cancel), str)
    assert count(sqlite_engine, refund) == 1


def test_a_file_replaced_while_it_was_opened_is_left_for_the_new_one(
    sqlite_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book(sqlite_engine)
    sqlite_engine.dispose()
    file = Path(sqlite_engine.url.database or "")
    shutil.copy(file, tmp_path / "backup")
    really = sqlite3.connect

    def connect(*args: Any, **options: Any) -> sqlite3.Connection:
        driver: sqlite3.Connection = really(*args, **options)
        driver.execute("SELECT count(*) FROM orders")
        if (tmp_path / "backup").exists():
            (tmp_path / "backup").replace(file)
        return driver

    monkeypatch.setattr(sqlite3, "connect", connect)
    with suppress(LedgerUnavailable):
        SqlUnitOfWork(sqlite_engine).run(cancel)
    assert isinstance(SqlUnitOfWork(sqlite_engine).run(cancel), str)
    with opened(f"sqlite:///{file}") as another:
        assert count(another, refund) == 1


def test_a_file_that_was_opened_read_only_is_written_when_it_may_be(
    sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite opens what it may not write all the same, and such a connection stays as it is."""
    book(sqlite_engine)
    sqlite_engine.dispose()
    really = sqlite3.connect
    with monkeypatch.context() as not_allowed:
        not_allowed.setattr(
            sqlite3, "connect", lambda name, **options: really(name.replace("mode=rw", "mode=ro"), **options)
        )
        with pytest.raises(LedgerUnavailable, match="readonly"):
            SqlUnitOfWork(sqlite_engine).run(cancel)
    assert isinstance(SqlUnitOfWork(sqlite_engine).run(cancel), str)


def test_a_lock_that_is_in_the_way_of_opening_is_waited_for_within_the_budget(sqlite_engine: Engine) -> None:
    book(sqlite_engine)
    sqlite_engine.dispose()
    with closing(sqlite3.connect(sqlite_engine.url.database or "", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        with pytest.raises(LedgerUnavailable, match="locked"):
            SqlUnitOfWork(sqlite_engine, budget=SMALL).run(cancel)
        assert time.monotonic() - began < 4  # the module itself waits 5 s
    assert isinstance(SqlUnitOfWork(sqlite_engine).run(cancel), str)


def test_a_commit_waits_for_what_is_left_of_the_budget_only(sqlite_engine: Engine) -> None:
    book(sqlite_engine)
    waits = []

    def remember(connection: Connection) -> None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        waits.append(driver.execute("PRAGMA busy_timeout").fetchone()[0])

    event.listen(sqlite_engine, "begin", remember)
    event.listen(sqlite_engine, "commit", remember)
    budget = Budget(lock=3, statement=3, whole=3)

    def take_a_while(ledger: Ledger) -> None:
        cancel(ledger)
        time.sleep(0.5)

    SqlUnitOfWork(sqlite_engine, budget=budget).run(take_a_while)
    assert waits[-1] <= waits[0] - 500


def test_the_lock_follows_a_file_that_is_moved_behind_a_symbolic_link(tmp_path: Path, sqlite_url: str) -> None:
    link, before, after = tmp_path / "link.db", tmp_path / "before", tmp_path / "after"
    before.mkdir()
    shutil.copy(sqlite_url.removeprefix("sqlite:///"), before / "refunds.db")
    link.symlink_to(before / "refunds.db")
    with opened(f"sqlite:///{link}") as engine:
        book(engine)
        number = SqlUnitOfWork(engine).run(cancel)
        before.rename(after)
        link.unlink()
        link.symlink_to(after / "refunds.db")
        engine.dispose()  # the connections; what the process knows of the file stays
        assert SqlUnitOfWork(engine).run(cancel) == number
    assert (after / "refunds.db.lock").exists()
    assert not before.exists()


def test_the_file_that_a_link_leads_to_now_is_the_ledger(tmp_path: Path, sqlite_url: str) -> None:
    one, two, link = Path(sqlite_url.removeprefix("sqlite:///")), tmp_path / "two.db", tmp_path / "link.db"
    shutil.copy(one, two)
    link.symlink_to(one)
    with opened(f"sqlite:///{link}") as engine:
        book(engine, "first")
        link.unlink()
        link.symlink_to(two)
        book(engine, "second")
        assert SqlUnitOfWork(engine).run(lambda ledger: ledger.lock_order("first")) is None
        assert health.check(engine) == []
    assert {path.name for path in tmp_path.iterdir()} >= {"two.db.lock", "link.db", "two.db"}
    assert not lock_path(link).exists()


@pytest.mark.parametrize("way", ["a loop", "a file for a directory", "a name that is too long"])
def test_a_path_that_leads_nowhere_is_unavailable_and_told(tmp_path: Path, way: str) -> None:
    with opened(f"sqlite:///{tmp_path}/{'x' * 300 if way == 'a name that is too long' else 'ledger.db'}") as engine:
        if way == "a loop":
            (tmp_path / "ledger.db").symlink_to(tmp_path / "ledger.db")
        if way == "a file for a directory":
            tmp_path.rmdir()
            tmp_path.touch()
        with pytest.raises(LedgerUnavailable, match="cannot be reached"):
            SqlUnitOfWork(engine).run(cancel)
        (problem,) = health.check(engine)
        assert "cannot be reached" in problem


def test_a_relative_path_is_made_absolute_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    with opened("sqlite:///ledger.db") as engine:
        make_database(engine)
        monkeypatch.chdir(tmp_path / "elsewhere")
        run_writing(engine, lambda connection: connection.execute(text("CREATE TABLE here (x)")))
    assert (tmp_path / "ledger.db").exists()
    assert (tmp_path / "ledger.db.lock").exists()
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("SQLITE_BUSY", Verdict.AGAIN),
        ("SQLITE_BUSY_SNAPSHOT", Verdict.AGAIN),
        ("SQLITE_LOCKED", Verdict.AGAIN),
        ("SQLITE_FULL", Verdict.UNAVAILABLE),
        ("SQLITE_READONLY", Verdict.UNAVAILABLE),
        ("SQLITE_IOERR_FSYNC", Verdict.UNAVAILABLE),
        ("SQLITE_CANTOPEN", Verdict.UNAVAILABLE),
    ],
)
def test_every_kind_of_error_has_its_verdict(name: str, verdict: Verdict) -> None:
    error = sqlite3.OperationalError(name)
    error.sqlite_errorcode = getattr(sqlite3, name)
    assert sqlite.verdict(DBAPIError("SELECT 1", {}, error)) is verdict


@pytest.mark.parametrize("error", [sqlite3.IntegrityError(), sqlite3.ProgrammingError(), sqlite3.DataError()])
def test_a_fault_of_the_program_is_called_so(error: sqlite3.Error) -> None:
    assert sqlite.verdict(DBAPIError("SELECT 1", {}, error)) is Verdict.FAULT


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("not a database, but long enough to look at " * 30)
    with opened(f"sqlite:///{tmp_path}/ledger.db") as engine, pytest.raises(LedgerUnavailable, match="not a database"):
        SqlUnitOfWork(engine).run(cancel)


@forks
def test_a_forked_child_opens_connections_of_its_own(engine: Engine) -> None:
    book(engine)
    number = SqlUnitOfWork(engine).run(cancel)
    pool = engine.pool
    child = os.fork()
    if child == 0:
        try:
            fresh = engine.pool is not pool and engine.pool.checkedin() == 0  # type: ignore[attr-defined]
            same = SqlUnitOfWork(engine).run(cancel) == number
            os._exit(0 if fresh and same else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert engine.pool is pool
    with engine.connect() as connection:
        assert connection.scalar(select(refund.c.refund_id)) == number


def test_a_lock_is_waited_for_no_longer_than_its_budget_and_the_whole() -> None:
    assert sqlite._lock_seconds(Budget(lock=3), time.monotonic() + 8) == 3
    assert sqlite._lock_seconds(Budget(lock=3), time.monotonic() + 1) <= 1
    assert sqlite._lock_seconds(Budget(lock=3), time.monotonic() - 1) == 0
