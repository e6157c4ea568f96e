"""Audits and backups beside writers that go on: what is seen, and what is restored, is right."""

from __future__ import annotations

import itertools
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import date
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, func, insert, select, text

from refund_api.domain import BOOKED
from refund_api.storage.audit import audit
from refund_api.storage.schema import upgrade
from refund_api.storage.tables import orders, passenger, refund
from refund_api.storage.transaction import run_reading, run_writing
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.postgres import fresh_database
from tests.replication import Pair, nodes
from tests.world import ALICE, BOB

from .conftest import opened
from .given import NOW, cancel, url_of
from .test_audit import counts

GENEROUS = 30.0


@contextmanager
def under_load(engine: Engine) -> Iterator[None]:
    """Two writers book orders and cancel them, a passenger at a time, until the block ends; they must not fail."""
    done = threading.Event()

    def book_and_cancel(writer: int) -> None:
        for turn in itertools.count():
            number = f"load {writer} {turn}"
            run_writing(engine, partial(book_all, number=number))
            for passenger_id in (ALICE, BOB):
                SqlUnitOfWork(engine).run(partial(cancel, passengers=[passenger_id], order_number=number))
                if done.is_set():
                    return

    def book_all(connection: Connection, number: str) -> None:
        order = {"order_number": number, "train_date": date(2027, 6, 1), "state": BOOKED, "currency": "CNY"}
        connection.execute(insert(orders), order | {"updated_at": NOW})
        rows = [
            {"order_number": number, "passenger_id": passenger_id, "paid_minor": 100} for passenger_id in (ALICE, BOB)
        ]
        connection.execute(insert(passenger), rows)

    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(book_and_cancel, writer) for writer in range(2)]
        try:
            wait_for_refunds(engine, 10)
            yield
            wait_for_refunds(engine, refunds(engine) + 2)
        finally:
            done.set()
        for writer in writers:
            writer.result()


def refunds(engine: Engine) -> int:
    """How many there are; asking takes no turn from a writer, as given.count does on SQLite."""
    return run_reading(engine, lambda connection: connection.scalar(select(func.count()).select_from(refund)) or 0)


def wait_for_refunds(engine: Engine, count: int) -> None:
    end = time.monotonic() + GENEROUS
    while refunds(engine) < count:
        assert time.monotonic() < end, "the writers do not get on"
        time.sleep(0.01)


def assert_clean_copy(url: str, engine: Engine) -> None:
    """Something was in it already, the writers are further, and it is right."""
    report = audit(url)
    assert counts(report) == {}
    assert 10 <= report.refunds < refunds(engine)


def test_the_audit_is_clean_while_writers_go_on(engine: Engine) -> None:
    with under_load(engine):
        for _ in range(5):
            report = audit(url_of(engine))
            assert counts(report) == {}
            wait_for_refunds(engine, report.refunds + 1)


@pytest.mark.parametrize("way", ["backup", "vacuum into"])
def test_a_sqlite_backup_taken_under_load_is_right(sqlite_url: str, tmp_path: Path, way: str) -> None:
    backup = tmp_path / "backup of 10:00 50%.db"
    with opened(sqlite_url) as engine, under_load(engine):
        with closing(sqlite3.connect(engine.url.database or "", timeout=GENEROUS)) as source:
            if way == "backup":
                with closing(sqlite3.connect(backup)) as target:
                    source.backup(target)
            else:
                source.execute("VACUUM INTO ?", [str(backup)])
        wait_for_refunds(engine, refunds(engine) + 2)
        assert_clean_copy(f"sqlite:///{backup}", engine)


def test_a_pg_dump_taken_under_load_and_restored_is_right(own_engine: Engine) -> None:
    url = url_of(own_engine)
    with own_engine.connect() as connection:
        programs = Path(connection.scalar(text("SELECT setting FROM pg_config() WHERE name = 'BINDIR'")) or "")
    with under_load(own_engine), fresh_database(url) as restored:
        dump = subprocess.run([programs / "pg_dump", url], check=True, capture_output=True).stdout
        load = [str(programs / "psql"), "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", restored]
        subprocess.run(load, input=dump, check=True, stdout=subprocess.DEVNULL)
        assert_clean_copy(restored, own_engine)


def test_a_base_backup_taken_under_load_is_right_and_stays_so_as_a_standby() -> None:
    with nodes("one", "two") as (one, two):
        one.create()
        one.start()
        with opened(one.url) as engine:
            upgrade(engine)
            with under_load(engine):
                Pair(one, two).follow()
                reports = [audit(two.url) for _ in range(10)]
    assert [counts(report) for report in reports] == [{}] * 10
    assert reports[0].refunds >= 10
