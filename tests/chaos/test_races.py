"""Races over HTTP: real workers, many clients at the same moment, one refund."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from refund_api.storage.audit import audit
from tests.chaos.check import read_ledger, read_record, violations
from tests.chaos.client import Answer, Crowd, make_request
from tests.chaos.stage import ENGINES, Stage, stage
from tests.servers import gunicorn

CROWD = 20


@dataclass(frozen=True)
class Scene:
    """A service with two workers, and clients that ask at once."""

    stage: Stage
    crowd: Crowd


@pytest.fixture(scope="module", params=ENGINES)
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("races")
    with (
        stage(request.param, directory) as the_stage,
        gunicorn("wsgi:app", directory / "gunicorn.log", the_stage.env, workers=2) as server,
        Crowd(server, the_stage.records, CROWD) as crowd,
    ):
        yield Scene(the_stage, crowd)


def assert_nothing_is_wrong(scene: Scene) -> None:
    broken = violations(read_record(scene.stage.records), read_ledger(scene.stage.engine))
    assert {kind: sentences for kind, sentences in broken.items() if sentences} == {}
    assert audit(scene.stage.env["REFUND_API_DATABASE_URL"]).clean


def test_twenty_identical_requests_at_once_make_one_refund_and_all_get_its_number(scene: Scene) -> None:
    for order in scene.stage.book(2):
        request = make_request(order.order_number, order.passengers[:2])
        answers = scene.crowd.ask([request] * CROWD)
        assert len(set(answers)) == 1
        assert answers[0] is not None and (answers[0].status, answers[0].code) == (200, 1)
    assert_nothing_is_wrong(scene)


def test_twenty_requests_for_one_set_each_signed_for_itself_get_one_number(scene: Scene) -> None:
    (order,) = scene.stage.book(1)
    answers = scene.crowd.ask([make_request(order.order_number, order.passengers) for _ in range(CROWD)])
    assert len({answer.data for answer in answers if answer is not None and answer.code == 1}) == 1
    assert {answer.code for answer in answers if answer is not None} == {1}
    assert_nothing_is_wrong(scene)


def test_of_overlapping_sets_one_wins_and_the_others_are_refused_whole(scene: Scene) -> None:
    for order in scene.stage.book(2):
        shared, *others = order.passengers
        requests = [
            make_request(order.order_number, [shared, *random.sample(others, random.randint(0, 3))])
            for _ in range(CROWD)
        ]
        answers = scene.crowd.ask(requests)
        won = {request.passengers for request, answer in zip(requests, answers, strict=True) if is_code(answer, 1)}
        assert len(won) == 1
        assert [is_code(answer, 2004) for answer in answers] == [request.passengers not in won for request in requests]
    assert_nothing_is_wrong(scene)


def is_code(answer: Answer | None, code: int) -> bool:
    return answer is not None and answer.code == code
