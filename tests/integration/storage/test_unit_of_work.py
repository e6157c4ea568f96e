"""Transactions on every engine: whole or not at all, once however many ask, and an end to every wait."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from datetime import date
from functools import partial

import pytest
from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from refund_api.domain import History, Nonce, Order, Refusal
from refund_api.ports import Ledger, LedgerUnavailable
from refund_api.storage.ledger import SqlLedger
from refund_api.storage.tables import orders, refund, refund_item, request_nonce
from refund_api.storage.transaction import run_reading, run_writing
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.world import ALICE, BOB, CAROL, ORDER

from .conftest import opened
from .given import GENEROUS, ROOT, SMALL, a_nonce, a_refund, at_once, book, cancel, count, violations


class Refused(Exception):
    pass


def test_what_the_work_returned_is_returned_once_it_is_committed(engine: Engine) -> None:
    book(engine)
    number = SqlUnitOfWork(engine).run(cancel)
    with engine.connect() as connection:
        assert connection.scalar(select(refund.c.refund_id)) == number


def test_what_the_work_raises_rolls_back_and_comes_out_unchanged(engine: Engine) -> None:
    book(engine)
    problem = Refused("nonce")

    def work(ledger: Ledger) -> None:
        ledger.claim_nonce(a_nonce(), ORDER)
        cancel(ledger)
        raise problem

    with pytest.raises(Refused) as caught:
        SqlUnitOfWork(engine).run(work)
    assert caught.value is problem
    assert (count(engine, refund), count(engine, request_nonce)) == (0, 0)
    assert SqlUnitOfWork(engine).run(cancel) not in set(Refusal)


def test_identical_requests_at_once_make_one_refund_and_all_get_its_number(engine: Engine) -> None:
    book(engine)
    unit = SqlUnitOfWork(engine)
    numbers = at_once([partial(unit.run, partial(cancel, passengers=[ALICE, BOB]))] * 8)
    assert len(set(numbers)) == 1, numbers
    assert count(engine, refund) == 1
    assert violations(engine) == []


def test_of_overlapping_sets_at_once_one_wins_and_the_others_are_refused_whole(engine: Engine) -> None:
    sets = [[ALICE, BOB], [BOB, CAROL], [ALICE, CAROL], [ALICE, BOB, CAROL]]
    unit = SqlUnitOfWork(engine)
    for turn in range(5):
        number = f"order-{turn}"
        book(engine, number, [ALICE, BOB, CAROL])
        works = [
            partial(unit.run, partial(cancel, passengers=passenger_ids, order_number=number)) for passenger_ids in sets
        ]
        answers = at_once(works)
        assert answers.count(Refusal.ALREADY_CANCELLED) == 3, answers
    assert count(engine, refund) == 5
    assert violations(engine) == []


def test_disjoint_sets_at_once_are_all_refunded_and_the_last_closes_the_order(engine: Engine) -> None:
    book(engine, ORDER, [ALICE, BOB, CAROL])
    unit = SqlUnitOfWork(engine)
    numbers = at_once(
        [partial(unit.run, partial(cancel, passengers=[passenger_id])) for passenger_id in (ALICE, BOB, CAROL)]
    )
    assert len(set(numbers)) == 3
    assert violations(engine) == []
    with engine.connect() as connection:
        assert connection.scalar(select(orders.c.state)) == "cancelled"


def test_a_nonce_claimed_at_once_for_many_things_is_had_by_one(engine: Engine) -> None:
    unit = SqlUnitOfWork(engine)
    nonces = [a_nonce("1", fingerprint) for fingerprint in "abcdef"]
    claimed = at_once([partial(unit.run, partial(_claim, nonce)) for nonce in nonces])
    assert sorted(map(str, claimed)) == ["False"] * 5 + ["True"]
    same = at_once([partial(unit.run, partial(_claim, a_nonce("2", "a")))] * 6)
    assert same == [True] * 6


def _claim(nonce: Nonce, ledger: Ledger) -> bool:
    return ledger.claim_nonce(nonce, ORDER)


def test_a_lock_that_is_not_given_back_ends_in_unavailable_and_the_next_request_is_served(engine: Engine) -> None:
    book(engine)
    book(engine, "another")
    held, enough = threading.Event(), threading.Event()

    def hold(ledger: Ledger) -> None:
        ledger.lock_order(ORDER)
        held.set()
        enough.wait(30)

    holder = threading.Thread(target=SqlUnitOfWork(engine).run, args=(hold,))
    holder.start()
    held.wait(30)
    began = time.monotonic()
    with pytest.raises(LedgerUnavailable):
        SqlUnitOfWork(engine, budget=SMALL).run(cancel)
    assert time.monotonic() - began < SMALL.whole + GENEROUS
    enough.set()
    holder.join()
    assert isinstance(SqlUnitOfWork(engine, budget=SMALL).run(cancel), str)


def test_a_pool_without_a_free_connection_ends_in_unavailable(sqlite_url: str, postgres_url: str) -> None:
    for url in (sqlite_url, postgres_url):
        with opened(url, threads=1) as engine:
            engine.pool._timeout = 0.1  # type: ignore[attr-defined]
            with engine.connect(), pytest.raises(LedgerUnavailable, match="no connection is free"):
                SqlUnitOfWork(engine, budget=SMALL).run(cancel)


def test_a_database_without_the_tables_is_unavailable(empty_url: str) -> None:
    with opened(empty_url) as engine, pytest.raises(LedgerUnavailable, match=r"orders"):
        SqlUnitOfWork(engine).run(cancel)


def test_a_fault_of_the_program_is_not_repeated(engine: Engine) -> None:
    calls = []

    def work(ledger: Ledger) -> None:
        calls.append(1)
        ledger.record(a_refund(), closes_order=False)  # an order that does not exist

    with pytest.raises(IntegrityError):
        SqlUnitOfWork(engine).run(work)
    assert len(calls) == 1


def test_a_reader_sees_what_is_committed_and_waits_for_no_writer(engine: Engine) -> None:
    book(engine)

    def number_of_refunds() -> int:
        return run_reading(engine, lambda connection: len(connection.execute(select(refund)).all()), SMALL)

    def work(ledger: Ledger) -> int:
        cancel(ledger)
        return number_of_refunds()

    assert SqlUnitOfWork(engine).run(work) == 0
    assert number_of_refunds() == 1


KILLED = """
import sys, time
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.integration.storage.given import *

def work(ledger):
    ledger.claim_nonce(a_nonce(), ORDER)
    cancel(ledger, [ALICE, BOB])
    print("recorded", flush=True)
    time.sleep(60)

SqlUnitOfWork(make_engine(sys.argv[1], threads=1)).run(work)
"""


def test_a_process_killed_in_its_transaction_leaves_nothing_and_no_lock(engine: Engine) -> None:
    book(engine)
    url = engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", KILLED, url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "recorded\n"
        child.kill()
    assert (count(engine, refund), count(engine, refund_item), count(engine, request_nonce)) == (0, 0, 0)
    assert isinstance(SqlUnitOfWork(engine).run(partial(cancel, passengers=[ALICE, BOB])), str)
    assert violations(engine) == []


def test_a_swallowed_database_error_does_not_pass_for_a_commit(engine: Engine) -> None:
    book(engine)

    def work(ledger: Ledger) -> None:
        ledger.claim_nonce(a_nonce(), ORDER)
        try:
            ledger.record(a_refund([CAROL]), closes_order=False)  # not of this order
        except IntegrityError:
            return

    if engine.dialect.name == "postgresql":
        with pytest.raises(DBAPIError, match="swallowed"):
            SqlUnitOfWork(engine).run(work)
        assert count(engine, request_nonce) == 0
    else:  # which undoes one statement, not the transaction
        SqlUnitOfWork(engine).run(work)
        assert count(engine, request_nonce) == 1


def test_without_the_lock_a_race_is_decided_by_the_key_and_by_running_again(postgres_engine: Engine) -> None:
    book(postgres_engine)
    judged = threading.Barrier(2)
    attempts = []

    def work(connection: Connection) -> str | Refusal:
        class Unlocked(SqlLedger):
            def history(self, order_number: str, set_hash: str) -> History:
                history = super().history(order_number, set_hash)
                attempts.append(history)
                if len(attempts) <= 2:
                    judged.wait(10)
                return history

            def lock_order(self, order_number: str) -> Order:
                return Order(order_number, date(2027, 6, 1), "booked", "CNY")

        return cancel(Unlocked(connection), [ALICE])

    numbers = at_once([partial(run_writing, postgres_engine, work)] * 2)
    assert len(set(numbers)) == 1, numbers
    assert len(attempts) == 3  # the loser looked again
    assert count(postgres_engine, refund) == 1


def test_statements_carry_no_values_into_error_messages(engine: Engine) -> None:
    with pytest.raises(DBAPIError) as caught, engine.connect() as connection:
        connection.execute(text("SELECT :secret FROM nowhere"), {"secret": "a secret"})
    assert "a secret" not in str(caught.value)
