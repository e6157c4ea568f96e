"""Faults of the database, seen by a client: 3001 in its own format, nothing lost or half written, and no restart."""

from __future__ import annotations

import re
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from psycopg import sql
from sqlalchemy import Engine, event, select, text
from sqlalchemy.engine import make_url

from refund_api.storage import health
from refund_api.storage.budget import Budget
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.tables import refund, refund_item, refund_outbox, request_nonce
from tests.postgres import execute
from tests.replication import Node, until
from tests.world import ALICE, BOB

from .service import Answer, assert_try_again, assert_try_again_in_every_format, problem_of, service
from .storage.given import at_once, book, count, violations

MISSING = (
    "the database cannot be used: {} does not exist: restore it; "
    "only where there never was a ledger, make one with `refund-api db upgrade`"
)
QUICK = Budget(lock=0.2, statement=0.4, whole=0.8)


def assert_nothing_is_recorded(engine: Engine) -> None:
    assert [count(engine, table) for table in (refund, refund_item, refund_outbox, request_nonce)] == [0] * 4
    assert violations(engine) == []


# --- disk full ------------------------------------------------------------------------------------------------------


@contextmanager
def disk_of(engine: Engine) -> Iterator[dict[str, int]]:
    """{"pages"}: how many there are on the disk; SQLite keeps that for each connection."""
    disk = {"pages": 1_000_000}

    def limit(driver: sqlite3.Connection, *others: object) -> None:
        driver.execute(f"PRAGMA max_page_count = {disk['pages']}")

    event.listen(engine, "checkout", limit)
    yield disk
    event.remove(engine, "checkout", limit)


def test_a_full_disk_is_503_and_every_refund_that_was_acknowledged_is_there(sqlite: str) -> None:
    with service(sqlite) as served, disk_of(served.engine) as disk:
        orders = [f"order-{number}" for number in range(60)]
        for order in orders:
            book(served.engine, order)
        with served.engine.connect() as connection:
            disk["pages"] = connection.scalar(text("PRAGMA page_count")) or 0
        answers = {order: served.cancel(order, ALICE) for order in orders}
        refused = [order for order, answer in answers.items() if answer.status != 200]
        assert 0 < len(refused) < len(orders)
        numbers = {order: answer.number for order, answer in answers.items() if order not in refused}
        for order in refused:
            assert_try_again(answers[order])
        assert_try_again_in_every_format(served, refused[0])
        with served.engine.connect() as connection:
            rows = connection.execute(select(refund.c.order_number, refund.c.refund_id))
            assert {row.order_number: row.refund_id for row in rows} == numbers
            assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
        assert violations(served.engine) == []
        disk["pages"] *= 10
        assert {order: served.cancel(order, ALICE).number for order in numbers} == numbers
        assert len({served.cancel(order, ALICE).number for order in refused}) == len(refused)
        assert violations(served.engine) == []


def test_check_says_that_the_disk_is_full(sqlite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = make_engine(sqlite, threads=1)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=4096))
    assert problem_of(engine) == f"the disk is full: {tmp_path}"
    engine.dispose()


# --- database gone --------------------------------------------------------------------------------------------------


def test_a_server_gone_at_start_is_503_until_it_is_there(node: Node, postgres: str) -> None:
    node.stop()
    with service(postgres, budget=QUICK) as served:
        assert_try_again_in_every_format(served)
        # The last attempt may be cut off by the end of the budget; what libpq said is lost then.
        words = r"the database cannot be used: (connection |no server answered in time)"
        assert re.match(words, problem_of(served.engine))
        node.start()
        assert health.check(served.engine) == []
        book(served.engine, "order")
        assert served.cancel("order", ALICE).number
        assert violations(served.engine) == []


def test_a_server_stopped_in_flight_is_503_until_it_is_back_and_no_answer_changes(node: Node, postgres: str) -> None:
    with service(postgres, budget=QUICK) as served:
        book(served.engine, "order")
        number = served.cancel("order", ALICE).number
        node.stop()
        assert_try_again_in_every_format(served)
        assert_try_again(served.cancel("order", BOB))
        node.start()
        assert served.cancel("order", ALICE).number == number
        assert served.cancel("order", BOB).number != number
        assert (count(served.engine, refund), violations(served.engine)) == (2, [])


def test_a_server_killed_in_flight_loses_nothing_it_acknowledged(node: Node, postgres: str) -> None:
    with service(postgres) as served:
        orders = [f"order-{number}" for number in range(32)]
        for order in orders:
            book(served.engine, order)
        answers: dict[str, Answer] = {}

        def cancel(mine: list[str]) -> None:
            for order in mine:
                answers[order] = served.cancel(order, ALICE)

        def crash() -> None:
            until(lambda: len(answers) >= 12)
            node.kill()
            node.start()

        works: list[Callable[[], None]] = [partial(cancel, orders[turn::4]) for turn in range(4)]
        assert at_once([*works, crash]) == [None] * 5
        for order in orders:
            if answers[order].status != 200:
                assert_try_again(answers[order])
            number = served.cancel(order, ALICE).number
            assert answers[order].status == 503 or number == answers[order].number
        assert (count(served.engine, refund), violations(served.engine)) == (len(orders), [])


def test_connections_ended_again_and_again_cost_nobody_an_answer(postgres: str) -> None:
    end_them = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with service(postgres) as served:
        orders = [f"order-{number}" for number in range(20)]
        for order in orders:
            book(served.engine, order)
        over = threading.Event()

        def terminate() -> list[str]:
            while not over.wait(0.1):
                execute(postgres, end_them)
            return []

        def cancel(mine: list[str]) -> list[str]:
            return [served.cancel(order, ALICE).number for order in mine]

        terminator = threading.Thread(target=terminate)
        terminator.start()
        numbers = at_once([partial(cancel, orders[turn::4]) for turn in range(4)])
        over.set()
        terminator.join()
        again = [[served.cancel(order, ALICE).number for order in orders[turn::4]] for turn in range(4)]
        assert numbers == again
        assert (count(served.engine, refund), violations(served.engine)) == (len(orders), [])


def test_a_file_gone_at_start_is_503_until_it_is_restored(sqlite: str, tmp_path: Path) -> None:
    file, backup = tmp_path / "ledger.db", tmp_path / "backup.db"
    file.rename(backup)
    with service(sqlite) as served:
        assert_try_again_in_every_format(served)
        assert problem_of(served.engine) == MISSING.format(file)
        assert not file.exists()
        backup.replace(file)
        book(served.engine, "order")
        assert served.cancel("order", ALICE).number
        assert violations(served.engine) == []


def test_a_file_replaced_in_flight_is_what_the_service_works_on(sqlite: str, tmp_path: Path) -> None:
    """Nothing may be acknowledged that is written to a file without a name."""
    file, backup = tmp_path / "ledger.db", tmp_path / "backup.db"
    with service(sqlite) as served:
        book(served.engine, "order")
        number = served.cancel("order", ALICE).number
        shutil.copy(file, backup)
        file.unlink()
        for _ in range(3):  # and none is made in its place
            assert problem_of(served.engine) == MISSING.format(file)
            assert not file.exists()
        assert_try_again_in_every_format(served, passengers=BOB)
        backup.replace(file)
        assert health.check(served.engine) == []
        assert served.cancel("order", ALICE).number == number
        assert served.cancel("order", BOB).number
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT count(*) FROM refund").fetchone() == (2,)
    connection.close()


# --- read only ------------------------------------------------------------------------------------------------------


def test_a_read_only_server_is_503_until_it_may_be_written(node: Node, postgres: str) -> None:
    name = sql.Identifier(make_url(postgres).database or "")
    with service(postgres) as served:
        book(served.engine, "order")
        execute(node.url, sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))
        served.engine.dispose()
        assert problem_of(served.engine) == "the database is read only: a standby, or made so"
        assert_try_again_in_every_format(served)
        execute(node.url, sql.SQL("ALTER DATABASE {} RESET default_transaction_read_only").format(name))
        assert_nothing_is_recorded(served.engine)
        assert served.cancel("order", ALICE).number
        assert health.check(served.engine) == []


def test_a_read_only_file_is_503_until_it_may_be_written(sqlite: str) -> None:
    read_only = [1]  # permissions do not bind root

    def restrict(driver: sqlite3.Connection, *others: object) -> None:
        driver.execute(f"PRAGMA query_only = {read_only[0]}")

    with service(sqlite) as served:
        read_only[0] = 0
        event.listen(served.engine, "checkout", restrict)
        book(served.engine, "order")
        read_only[0] = 1
        assert_try_again_in_every_format(served)
        read_only[0] = 0
        assert_nothing_is_recorded(served.engine)
        assert served.cancel("order", ALICE).number
