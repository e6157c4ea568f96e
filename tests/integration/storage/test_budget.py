"""How long may be waited: the times that operators are told of, and pauses that keep rivals apart."""

from __future__ import annotations

import sqlite3
import time
from itertools import count

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from refund_api.ports import Ledger
from refund_api.storage import health, questions, schema, transaction
from refund_api.storage.budget import Budget
from refund_api.storage.ledger import SqlLedger
from refund_api.storage.shop import importing
from refund_api.storage.transaction import run_reading, run_writing
from refund_api.storage.unit_of_work import SqlUnitOfWork

SETTINGS = text(
    "SELECT current_setting('lock_timeout'), current_setting('statement_timeout'),"
    " current_setting('idle_in_transaction_session_timeout')"
)


def test_a_request_waits_3_s_for_a_lock_5_for_a_statement_and_8_in_all() -> None:
    assert Budget() == Budget(lock=3, statement=5, whole=8)


@pytest.mark.parametrize(
    "budget", [Budget(), importing._BUDGET, health._CHECKING, schema._UPGRADING, *questions._BUDGETS]
)
def test_a_lock_is_given_up_before_the_statement_that_waits_for_it_and_that_before_the_whole(budget: Budget) -> None:
    assert 0 < budget.lock < budget.statement <= budget.whole
    assert schema._UPGRADING.statement >= 3600  # a migration may take an hour
    default = Budget()
    assert default.statement < default.whole


def test_a_transaction_runs_with_the_default_times_unless_it_is_given_others(postgres_engine: Engine) -> None:
    def settings(connection: Connection) -> tuple[str, ...]:
        return tuple(connection.execute(SETTINGS).one())

    def of_the_ledger(ledger: Ledger) -> tuple[str, ...]:
        assert isinstance(ledger, SqlLedger)
        return settings(ledger._connection)

    found = [SqlUnitOfWork(postgres_engine).run(of_the_ledger)]
    found += [run(postgres_engine, settings) for run in (run_writing, run_reading)]
    assert found == [("3s", "5s", "8s")] * 3
    assert run_writing(postgres_engine, settings, Budget(lock=1, statement=2, whole=4)) == ("1s", "2s", "4s")


@pytest.mark.parametrize("attempt", [1, 2, 3, 5, 8, 20, 100_000])
def test_a_pause_is_anything_up_to_twice_the_last_and_never_more_than_half_a_second(attempt: int) -> None:
    longest = 0.005 * 2 ** (attempt - 1) if attempt < 8 else 0.5
    found = [transaction._pause(attempt) for _ in range(500)]
    assert 0 <= min(found) < longest / 10
    assert longest * 0.9 < max(found) <= longest
    assert len(set(found)) > 400


def test_an_attempt_that_failed_is_followed_by_its_pause(
    sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    attempts = count(1)

    def pause(attempt: int) -> float:
        asked.append(attempt)
        return 0.2

    def work(connection: Connection) -> str:
        if next(attempts) > 2:
            return "done"
        busy = sqlite3.OperationalError("database is locked")
        busy.sqlite_errorcode = sqlite3.SQLITE_BUSY
        raise DBAPIError("SELECT 1", {}, busy)

    monkeypatch.setattr(transaction, "_pause", pause)
    began = time.monotonic()
    assert run_writing(sqlite_engine, work) == "done"
    assert asked == [1, 2]
    assert time.monotonic() - began >= 0.4
