"""A node that dies with a request in its hands: nginx gives the same bytes to another node, and the ledger holds.

The first node kills its own worker at a chosen point (tests/chaos/failpoints.py). The second one is asked only when the
first has failed, so that every death is met by the request that caused it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chaos.check import ALREADY, OK, REJECTED, read_ledger, read_record, violations
from tests.chaos.client import Answer, Client, Request, make_request
from tests.chaos.kill import PRELOAD
from tests.chaos.stage import Stage, stage
from tests.servers import gunicorn

from .site import Site, running_site


@dataclass(frozen=True)
class Pair:
    """A site before a node that can be told to die and one that cannot, on one PostgreSQL."""

    site: Site
    stage: Stage
    points: Path

    def count_points(self, request: Request) -> int:
        """How many points at which the first node may die a request passes there."""
        before = len(self.points.read_text().splitlines())
        self.ask(request)
        return len(self.points.read_text().splitlines()) - before

    def ask(self, request: Request, die_at: int = 0) -> Answer:
        """The answer, through the site; with `die_at` the first node dies at that point."""
        with Client(self.site, self.stage.records / f"{request.number}.jsonl") as client:
            answer = client.ask(request, {"X-Failpoint": str(die_at), "X-Request-ID": f"{request.number}-{die_at}"})
        assert answer is not None
        return answer

    def nodes_of(self, request: Request, die_at: int) -> int:
        """How many nodes nginx has tried for a request."""
        return len(self.site.logged(f"{request.number}-{die_at}")["node"].split(","))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    points = folder / "points"
    points.touch()
    with stage("postgres", folder) as the_stage:
        dying_env = {**the_stage.env, **PRELOAD, "CHAOS_POINTS": str(points)}
        with (
            gunicorn("tests.chaos.failpoints:app", folder / "dying.log", dying_env, workers=2) as dying,
            gunicorn("wsgi:app", folder / "other.log", the_stage.env) as other,
            running_site(folder / "site", [dying.address, f"{other.address} backup"]) as site,
        ):
            yield Pair(site, the_stage, points)


def test_wherever_a_node_dies_the_client_gets_its_one_number_from_the_other(pair: Pair) -> None:
    rehearsal, *orders = pair.stage.book(60, passengers=2)
    count = pair.count_points(make_request(rehearsal.order_number, rehearsal.passengers[:1]))
    assert count > 10
    for point, order in zip(range(1, count + 1), orders, strict=False):
        request = make_request(order.order_number, order.passengers[:1])
        answer = pair.ask(request, die_at=point)
        assert (answer.status, answer.code) == (200, OK)
        assert pair.nodes_of(request, point) == 2, f"the first node did not die at point {point}"
        assert pair.ask(request) == answer, "the same bytes again"
        anew = make_request(order.order_number, order.passengers[:1])
        assert pair.ask(anew).data == answer.data, "signed anew"
        stolen = make_request(order.order_number, order.passengers[1:], like=request)
        assert pair.ask(stolen).code == REJECTED, "its signature, for another passenger"
        assert pair.ask(make_request(order.order_number, order.passengers)).code == ALREADY
    record, ledger = read_record(pair.stage.records), read_ledger(pair.stage.engine)
    assert {kind: found for kind, found in violations(record, ledger).items() if found} == {}
    assert pair.stage.audit() == []


def test_a_stolen_signature_records_nothing_when_the_node_that_judges_it_dies(pair: Pair) -> None:
    (order,) = pair.stage.book(1, passengers=3)
    request = make_request(order.order_number, order.passengers[:1])
    pair.ask(request)
    count = pair.count_points(make_request(order.order_number, order.passengers[1:2], like=request))
    for point in range(1, count + 1):
        stolen = make_request(order.order_number, order.passengers[1:2], like=request)
        assert pair.ask(stolen, die_at=point).code == REJECTED
    mine = [
        passengers
        for number, passengers in read_ledger(pair.stage.engine).refunds.values()
        if number == order.order_number
    ]
    assert mine == [request.passengers]
