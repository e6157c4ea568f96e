"""Races for an order through the whole service, signatures and nonces included, on every engine and at both levels."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy import Engine, select, text

from refund_api.storage.budget import Budget
from refund_api.storage.ledger import SqlLedger
from refund_api.storage.tables import orders, refund, request_nonce
from tests.integration.service import Answer, Service, service_on
from tests.replication import until
from tests.world import ALICE, BOB, CAROL

from .conftest import THREADS
from .given import at_once, book, cancel, count, violations

ALL = [ALICE, BOB, CAROL]
TURNS = 3
PATIENT = Budget(lock=60, statement=60, whole=60)  # who wins is asked, not how soon


@pytest.fixture
def served(engine: Engine) -> Service:
    for number in range(TURNS):
        book(engine, f"order-{number}", ALL)
    return service_on(engine, budget=PATIENT)


def race(asks: Iterable[Callable[[], Answer]]) -> list[Answer]:
    """All at once; each must be answered."""
    answers = at_once(asks)
    assert all(isinstance(answer, Answer) and answer.status == 200 for answer in answers), answers
    return [answer for answer in answers if isinstance(answer, Answer)]


def codes(answers: Iterable[Answer]) -> list[int]:
    return [answer.result["code"] for answer in answers]


def test_the_engine_runs_at_the_level_it_is_asked_for(postgres_engine: Engine, request: pytest.FixtureRequest) -> None:
    with postgres_engine.connect() as connection:
        level = connection.scalar(text("SHOW transaction_isolation"))
    assert f"[{level.upper()}]" in request.node.name


@pytest.mark.parametrize("random", [None, 900_001], ids=["signed anew", "the same bytes"])
def test_one_set_asked_for_by_all_is_refunded_once_under_one_number(served: Service, random: int | None) -> None:
    answers = race([partial(served.cancel, "order-0", f"{ALICE},{BOB}", random=random)] * THREADS)
    assert len({answer.number for answer in answers}) == 1
    assert count(served.engine, refund) == 1
    assert count(served.engine, request_nonce) == (1 if random else THREADS)
    assert violations(served.engine) == []


def test_of_overlapping_sets_one_wins_and_the_others_are_refused_whole(served: Service) -> None:
    sets = [f"{ALICE},{BOB}", f"{BOB},{CAROL}", f"{ALICE},{CAROL}", f"{ALICE},{BOB},{CAROL}"] * 2
    for number in range(TURNS):
        answers = race(partial(served.cancel, f"order-{number}", ids) for ids in sets)
        (winner,) = {ids for ids, code in zip(sets, codes(answers), strict=True) if code == 1}
        assert codes(answers) == [1 if ids == winner else 2004 for ids in sets]
        assert len({answer.number for answer in answers if answer.result["code"] == 1}) == 1
    assert count(served.engine, refund) == TURNS
    assert violations(served.engine) == []


def test_disjoint_sets_are_all_refunded_and_the_last_closes_the_order(served: Service) -> None:
    for number in range(TURNS):
        answers = race(partial(served.cancel, f"order-{number}", passenger_id) for passenger_id in ALL)
        assert len({answer.number for answer in answers}) == 3
    assert violations(served.engine) == []
    with served.engine.connect() as connection:
        assert set(connection.scalars(select(orders.c.state))) == {"cancelled"}


def test_a_signature_used_for_two_orders_at_once_serves_one_and_the_other_gets_1002(served: Service) -> None:
    numbers = ["order-0", "order-1"] * (THREADS // 2)
    for turn, passenger_id in enumerate(ALL):
        answers = race(partial(served.cancel, number, passenger_id, random=900_001 + turn) for number in numbers)
        (served_order,) = {number for number, code in zip(numbers, codes(answers), strict=True) if code == 1}
        assert codes(answers) == [1 if number == served_order else 1002 for number in numbers]
        assert len({answer.number for answer in answers if answer.result["code"] == 1}) == 1
    assert (count(served.engine, refund), count(served.engine, request_nonce)) == (len(ALL), len(ALL))
    assert violations(served.engine) == []


def test_a_stolen_signature_gets_1002_whoever_else_asks_for_the_order(served: Service) -> None:
    assert served.cancel("order-1", ALICE, random=900_001).number
    thief = partial(served.cancel, "order-0", ALICE, random=900_001)
    owner = partial(served.cancel, "order-0", ALICE)
    answers = race([thief, owner] * (THREADS // 2))
    assert codes(answers) == [1002, 1] * (THREADS // 2)
    assert len({answer.number for answer in answers[1::2]}) == 1
    assert violations(served.engine) == []


def test_who_waited_for_a_refund_is_judged_by_it_at_serializable_in_a_second_attempt(
    postgres_engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    book(postgres_engine, "order", ALL)
    served = service_on(postgres_engine, budget=PATIENT)
    caplog.set_level(logging.INFO, "refund_api.storage.transaction")
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )

    def somebody_waits() -> bool:
        with postgres_engine.connect() as connection:
            return bool(connection.scalar(waiting))

    with ThreadPoolExecutor(1) as pool:
        with postgres_engine.begin() as first:
            level = first.scalar(text("SHOW transaction_isolation"))
            assert isinstance(cancel(SqlLedger(first), [ALICE], "order"), str)
            late = pool.submit(served.cancel, "order", f"{ALICE},{BOB}")
            until(somebody_waits)
        assert late.result(60).result["code"] == 2004
    assert ("attempt 1 of a transaction failed" in caplog.text) == (level == "serializable")
    assert violations(postgres_engine) == []
