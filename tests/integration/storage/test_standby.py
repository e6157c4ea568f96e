"""A real standby that dies, comes back and takes over, as a client of the service sees it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy import select

from refund_api.storage.budget import Budget
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.schema import upgrade
from refund_api.storage.tables import refund
from tests.integration.service import JSON, Answer, Service, assert_try_again, service
from tests.postgres import execute
from tests.replication import Pair, pair, until
from tests.wire import FORMATS
from tests.world import ALICE, BOB

from .given import GENEROUS, SMALL, at_once, book, violations

PATIENT = Budget(lock=60, statement=60, whole=60)


@pytest.fixture(scope="module")
def pair_of_servers() -> Iterator[Pair]:
    with pair() as servers:
        engine = make_engine(servers.url, threads=1)
        upgrade(engine)
        engine.dispose()
        yield servers


@pytest.fixture
def servers(pair_of_servers: Pair) -> Pair:
    """COMMITs wait for the standby, and it is there."""
    if pair_of_servers.standby.process is None:
        pair_of_servers.follow()
    pair_of_servers.wait_for_standbys(True)
    return pair_of_servers


@pytest.fixture
def served(servers: Pair) -> Iterator[Service]:
    with service(servers.url, budget=SMALL, threads=8) as found:
        yield found


def waiting(servers: Pair) -> int:
    """How many COMMITs wait for the standby."""
    count: int = servers.primary.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
    return count


def numbers_of(served: Service, order: str) -> list[str]:
    with served.engine.connect() as connection:
        return list(connection.scalars(select(refund.c.refund_id).where(refund.c.order_number == order)))


def test_without_the_standby_nobody_is_told_of_a_refund_and_with_it_again_everybody_is(
    servers: Pair, served: Service
) -> None:
    orders = ["dead-json", "dead-xml", "dead-form"]
    for order in ["before", *orders]:
        book(served.engine, order)
    number = served.cancel("before", ALICE, random=999_999).number
    servers.standby.stop()
    began = time.monotonic()
    asked = [
        partial(served.cancel, order, ALICE, form, random=n)
        for n, (order, form) in enumerate(zip(orders, FORMATS, strict=True), 1_000_000)
    ]
    repeated = partial(served.cancel, "before", ALICE, random=999_999)  # the same bytes, which change no row
    for answer in at_once([*asked, repeated]):
        assert isinstance(answer, Answer), answer
        assert_try_again(answer)
    assert time.monotonic() - began < SMALL.whole + GENEROUS
    servers.standby.start()
    until(lambda: waiting(servers) == 0)
    servers.wait_for_standbys(True)
    assert [ask().status for ask in asked] == [200, 200, 200]
    assert repeated().number == number
    for n, order in enumerate(orders, 1_000_000):
        assert numbers_of(served, order) == [served.cancel(order, ALICE, JSON, random=n + 100).number]
    assert violations(served.engine) == []


def test_one_commit_that_waits_delays_no_other_request_beyond_its_own_budget(servers: Pair, served: Service) -> None:
    book(served.engine, "slow")
    book(served.engine, "other")
    servers.standby.stop()
    with service(servers.url, budget=PATIENT) as patient, ThreadPoolExecutor(1) as pool:
        slow = pool.submit(patient.cancel, "slow", ALICE)
        until(lambda: waiting(servers) == 1)
        began = time.monotonic()
        another_order, same_order, invalid = at_once(
            partial(served.cancel, order, ids)
            for order, ids in (("other", ALICE), ("slow", ALICE), ("other", "nobody"))
        )
        assert time.monotonic() - began < SMALL.whole + GENEROUS
        assert not slow.done()
        assert isinstance(another_order, Answer) and isinstance(same_order, Answer) and isinstance(invalid, Answer)
        assert_try_again(another_order)
        assert_try_again(same_order)
        assert (invalid.status, invalid.result["code"]) == (200, 1001)
        servers.standby.start()
        number = slow.result(60).number  # it waited for the standby, and was right to
    servers.wait_for_standbys(True)
    assert served.cancel("slow", ALICE).number == number
    assert served.cancel("other", ALICE).number
    assert violations(served.engine) == []


def test_a_commit_with_a_warning_is_503_in_every_format(servers: Pair) -> None:
    with service(servers.url, budget=PATIENT) as served:
        orders = ["warned-json", "warned-xml", "warned-form"]
        for order in orders:
            book(served.engine, order)
        servers.standby.stop()
        over = threading.Event()

        def cancel_the_waits() -> None:
            while not over.wait(0.05):
                execute(
                    servers.primary.url,
                    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
                )

        canceller = threading.Thread(target=cancel_the_waits)
        canceller.start()
        answers = at_once(
            [partial(served.cancel, order, ALICE, form) for order, form in zip(orders, FORMATS, strict=True)]
        )
        over.set()
        canceller.join()
        for answer in answers:
            assert isinstance(answer, Answer), answer
            assert_try_again(answer)
        servers.standby.start()
        servers.wait_for_standbys(True)
        for order in orders:
            assert numbers_of(served, order) == [served.cancel(order, ALICE).number]
        assert violations(served.engine) == []


def test_a_promoted_standby_knows_every_number_and_the_service_finds_it(servers: Pair) -> None:
    with service(servers.url) as served:
        book(served.engine, "survivor")
        number = served.cancel("survivor", ALICE).number
        servers.primary.kill()
        servers.fail_over()
        assert served.cancel("survivor", ALICE).number == number
        assert served.cancel("survivor", BOB).number != number
        assert violations(served.engine) == []
