"""A COMMIT that PostgreSQL calls done and no standby has: nobody is told, and the repeat gets the number."""

from __future__ import annotations

import threading
import time
from functools import partial

import pytest
from psycopg import sql
from sqlalchemy import Engine, select, text

from refund_api.ports import Ledger, LedgerUnavailable
from refund_api.storage.budget import Budget
from refund_api.storage.engines.postgres_connection import BoundedConnection
from refund_api.storage.tables import refund, request_nonce
from refund_api.storage.transaction import run_writing
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.postgres import execute
from tests.world import ALICE, ORDER

from .given import GENEROUS, SMALL, a_nonce, at_once, book, cancel, count, url_of, violations

PATIENT = Budget(lock=1, statement=2, whole=3)  # time to reach the COMMIT on a busy machine


def without_a_standby(engine: Engine) -> None:
    execute(url_of(engine), "ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()")


def with_no_standby_wanted(engine: Engine) -> None:
    execute(url_of(engine), "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")


def test_a_commit_that_reaches_no_standby_is_unavailable_and_the_repeat_gets_the_number(own_engine: Engine) -> None:
    book(own_engine)
    book(own_engine, "another")
    unit = SqlUnitOfWork(own_engine, budget=PATIENT)
    without_a_standby(own_engine)
    began = time.monotonic()
    works = [partial(unit.run, partial(cancel, order_number=number)) for number in (ORDER, "another")]
    answers = at_once([*works, partial(unit.run, partial(_claim_only, "unknown"))])
    assert [type(answer) for answer in answers] == [LedgerUnavailable] * 3
    assert all("not durable" in str(answer) for answer in answers)
    assert time.monotonic() - began < PATIENT.whole + GENEROUS
    # A repeat locks the row, so its COMMIT waits as well: no answer rests on what a failover may undo.
    with pytest.raises(LedgerUnavailable, match="not durable"):
        unit.run(cancel)
    with_no_standby_wanted(own_engine)
    number = unit.run(cancel)
    with own_engine.connect() as connection:
        found = select(refund.c.refund_id).where(refund.c.order_number == ORDER)
        assert list(connection.scalars(found)) == [number]
    assert violations(own_engine) == []


def _claim_only(order_number: str, ledger: Ledger) -> None:
    ledger.claim_nonce(a_nonce(), order_number)


@pytest.mark.parametrize(
    "setting", ["synchronous_commit = off", "synchronous_commit = local", "client_min_messages = error"]
)
def test_no_setting_of_a_role_makes_a_commit_count_that_reaches_no_standby(own_engine: Engine, setting: str) -> None:
    book(own_engine)
    execute(url_of(own_engine), sql.SQL("ALTER ROLE postgres SET {}").format(sql.SQL(setting)))
    own_engine.dispose()
    without_a_standby(own_engine)
    with pytest.raises(LedgerUnavailable, match="not durable"):
        SqlUnitOfWork(own_engine, budget=PATIENT).run(cancel)


def test_a_commit_that_was_cancelled_and_says_nothing_of_it_does_not_count(
    own_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    book(own_engine)
    without_a_standby(own_engine)
    monkeypatch.setattr(BoundedConnection, "note", lambda connection, diagnostic: None)
    own_engine.dispose()
    with pytest.raises(LedgerUnavailable, match="not durable: it was cancelled"):
        SqlUnitOfWork(own_engine, budget=PATIENT).run(cancel)


def test_a_role_may_wait_for_more_than_the_ledger_asks(own_engine: Engine) -> None:
    execute(url_of(own_engine), "ALTER ROLE postgres SET synchronous_commit = remote_apply")
    own_engine.dispose()
    asked = text("SELECT current_setting('synchronous_commit')")
    assert run_writing(own_engine, lambda connection: connection.scalar(asked)) == "remote_apply"


@pytest.mark.parametrize("level", ["warning", "error"])
def test_a_commit_cancelled_by_somebody_else_is_not_durable_either(own_engine: Engine, level: str) -> None:
    execute(url_of(own_engine), sql.SQL("ALTER ROLE postgres SET client_min_messages = {}").format(sql.SQL(level)))
    own_engine.dispose()
    book(own_engine)
    without_a_standby(own_engine)
    waiting = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    done = threading.Event()

    def cancel_the_wait() -> None:
        while not done.wait(0.05):
            execute(url_of(own_engine), waiting)

    canceller = threading.Thread(target=cancel_the_wait)
    canceller.start()
    with pytest.raises(LedgerUnavailable, match="canceling wait for synchronous replication"):
        SqlUnitOfWork(own_engine).run(cancel)
    done.set()
    canceller.join()
    with_no_standby_wanted(own_engine)
    assert isinstance(SqlUnitOfWork(own_engine).run(cancel), str)
    assert count(own_engine, refund) == 1


def test_the_nonce_of_a_request_that_was_not_durable_is_claimed_again_by_its_repeat(own_engine: Engine) -> None:
    book(own_engine)
    unit = SqlUnitOfWork(own_engine, budget=SMALL)

    def work(ledger: Ledger) -> object:
        assert ledger.claim_nonce(a_nonce(), ORDER)
        return cancel(ledger, [ALICE])

    without_a_standby(own_engine)
    with pytest.raises(LedgerUnavailable):
        unit.run(work)
    with_no_standby_wanted(own_engine)
    assert isinstance(unit.run(work), str)
    assert count(own_engine, request_nonce) == 1
