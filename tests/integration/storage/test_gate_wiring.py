"""The gate, its questions and the waits for an order, on real databases."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from refund_api.ports import Ledger, LedgerUnavailable
from refund_api.storage.budget import Budget
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.gate import Gate
from refund_api.storage.ledger import SqlLedger
from refund_api.storage.order_waits import OrderWaits
from refund_api.storage.questions import CONNECTIONS, questions_to
from refund_api.storage.tables import refund
from refund_api.storage.transaction import run_writing
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.replication import Node, until
from tests.world import ORDER

from .given import a_nonce, book, cancel, count


def answers(engine: Engine) -> list[bool]:
    return [question() for question in questions_to(engine)]


def test_a_database_answers_its_questions_also_while_an_order_is_locked(engine: Engine) -> None:
    book(engine)

    def work(ledger: Ledger) -> list[bool]:
        ledger.lock_order(ORDER)
        return answers(engine)

    assert SqlUnitOfWork(engine).run(work) == [True] * CONNECTIONS


@pytest.mark.parametrize(
    "url", ["postgresql://postgres@/nowhere?host=/nonexistent", "sqlite:////tmp/no-such-ledger.db"]
)
def test_a_database_that_is_not_there_does_not_answer(url: str) -> None:
    assert answers(make_engine(url, threads=CONNECTIONS)) == [False] * CONNECTIONS


def test_a_refused_request_does_not_begin_a_transaction(engine: Engine) -> None:
    @contextmanager
    def shut() -> Iterator[float]:
        raise LedgerUnavailable("the gate is shut")
        yield 0.0

    book(engine)
    with pytest.raises(LedgerUnavailable, match="the gate is shut"):
        SqlUnitOfWork(engine, gate=shut).run(cancel)
    assert count(engine, refund) == 0


def test_what_a_request_waited_at_the_gate_comes_off_its_budget(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def slow() -> Iterator[float]:
        yield 3.0

    budgets: list[Budget] = []
    monkeypatch.setattr("refund_api.storage.unit_of_work.run_writing", lambda *given: budgets.append(given[-1]))
    SqlUnitOfWork(engine, gate=slow).run(cancel)
    assert budgets == [Budget(lock=3.0, statement=5.0, whole=5.0)]


@pytest.mark.parametrize("statement", ["claim_nonce", "lock_order"])
def test_whoever_would_wait_behind_a_request_that_waits_for_its_order_is_refused(
    engine: Engine, statement: str
) -> None:
    book(engine)
    now = [0.0]
    waits = OrderWaits(lambda: now[0])

    def work(ledger: SqlLedger) -> object:
        return ledger.claim_nonce(a_nonce(), ORDER) if statement == "claim_nonce" else ledger.lock_order(ORDER)

    with waits.waiting(ORDER):
        now[0] = 1.0
        with pytest.raises(LedgerUnavailable, match="this order"):
            run_writing(engine, lambda connection: work(SqlLedger(connection, waits=waits)))
    assert run_writing(engine, lambda connection: work(SqlLedger(connection, waits=waits)))


def test_the_gate_finds_out_that_a_stopped_server_is_away_and_that_it_is_back(node: Node, postgres: str) -> None:
    engine = make_engine(postgres, threads=1 + CONNECTIONS)
    asking: list[threading.Thread] = []

    def start(work: Callable[[], None]) -> None:
        asking.append(threading.Thread(target=work))
        asking[-1].start()

    gate = Gate(1, 1, questions_to(engine), start=start)
    unit = SqlUnitOfWork(engine, gate=gate.passed)
    book(engine)
    node.stop()
    reasons: list[str] = []
    enough = threading.Event()

    def ask() -> None:
        while not enough.is_set():
            try:
                unit.run(cancel)
            except (LedgerUnavailable, DBAPIError) as error:
                reasons.append(str(error))

    clients = [threading.Thread(target=ask) for _ in range(2)]
    for client in clients:
        client.start()
    until(lambda: any("does not answer" in reason for reason in reasons))
    enough.set()
    for client in clients:
        client.join()
    node.start()
    until(lambda: not _is_refused(unit))
    assert count(engine, refund) == 1
    for thread in asking:
        thread.join()
    engine.dispose()


def _is_refused(unit: SqlUnitOfWork) -> bool:
    try:
        unit.run(cancel)
    except LedgerUnavailable:
        return True
    return False
