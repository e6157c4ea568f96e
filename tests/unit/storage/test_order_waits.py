"""Who may wait for an order that others wait for already, with a clock that only the test moves."""

from __future__ import annotations

from contextlib import ExitStack, suppress

import pytest

from refund_api.ports import LedgerUnavailable
from refund_api.storage.order_waits import OrderWaits


class Scene:
    def __init__(self) -> None:
        self.now = 0.0
        self.waits = OrderWaits(lambda: self.now)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_any_number_waits_for_an_order_within_the_first_second(scene: Scene) -> None:
    with ExitStack() as stack:
        for number in range(50):
            scene.now = number / 51
            stack.enter_context(scene.waits.waiting("held"))


def test_when_one_has_waited_for_a_second_the_next_is_refused_and_other_orders_go_on(scene: Scene) -> None:
    with scene.waits.waiting("held"):
        scene.now = 1.0
        with pytest.raises(LedgerUnavailable, match="this order"), scene.waits.waiting("held"):
            raise AssertionError("it was let in")
        with scene.waits.waiting("another"):
            pass


def test_when_the_one_that_waited_longest_is_gone_the_next_one_counts(scene: Scene) -> None:
    first, second = ExitStack(), ExitStack()
    first.enter_context(scene.waits.waiting("held"))
    scene.now = 0.5
    second.enter_context(scene.waits.waiting("held"))
    scene.now = 1.2
    first.close()
    with scene.waits.waiting("held"):
        pass
    scene.now = 1.5
    with pytest.raises(LedgerUnavailable), scene.waits.waiting("held"):
        pass
    second.close()
    with scene.waits.waiting("held"):
        scene.now = 2.0


def waited_in_vain(scene: Scene, until: float) -> None:
    with suppress(TimeoutError), scene.waits.waiting("held"):
        scene.now = until
        raise TimeoutError


def test_after_a_wait_in_vain_one_request_at_a_time_tries_again(scene: Scene) -> None:
    waited_in_vain(scene, until=3.0)
    with scene.waits.waiting("held"):
        scene.now = 3.1
        with pytest.raises(LedgerUnavailable, match="in vain"), scene.waits.waiting("held"):
            raise AssertionError("it was let in")


def test_when_the_order_was_had_again_any_number_waits_for_it(scene: Scene) -> None:
    waited_in_vain(scene, until=3.0)
    with scene.waits.waiting("held"):
        pass
    with scene.waits.waiting("held"), scene.waits.waiting("held"):
        pass


def test_a_wait_in_vain_is_forgotten_after_a_while(scene: Scene) -> None:
    waited_in_vain(scene, until=3.0)
    scene.now = 6.0
    with scene.waits.waiting("held"), scene.waits.waiting("held"):
        pass


def test_an_error_that_came_at_once_is_no_wait_in_vain(scene: Scene) -> None:
    waited_in_vain(scene, until=0.1)
    with scene.waits.waiting("held"), scene.waits.waiting("held"):
        pass
