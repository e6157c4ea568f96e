"""What follows from the times at which a ledger got on, answered and was silent."""

from __future__ import annotations

import pytest

from refund_api.storage.liveness import Liveness, State


class Story:
    """A liveness and its clock; what happens is told in seconds since the beginning."""

    def __init__(self) -> None:
        self.now = 0.0
        self.liveness = Liveness(lambda: self.now)

    def at(self, seconds: float) -> Liveness:
        self.now = seconds
        return self.liveness

    def state(self, at: float | None = None) -> State:
        if at is not None:
            self.now = at
        return self.liveness.state

    def asked(self, *seconds: float, answered: bool) -> None:
        for second in seconds:
            self.at(second).hear(answered=answered)


@pytest.fixture
def story() -> Story:
    return Story()


def test_a_ledger_flows_until_nothing_has_got_on_for_a_second(story: Story) -> None:
    story.at(10).get_on()
    assert story.state(at=10.9) is State.FLOWING
    assert story.state(at=11) is State.IN_DOUBT
    story.at(12).get_on()
    assert story.state(at=12.9) is State.FLOWING


def test_an_idle_ledger_is_no_reason_for_doubt_when_a_transaction_begins(story: Story) -> None:
    story.at(3600).begin()
    assert story.state(at=3600.9) is State.FLOWING


def test_a_database_that_answers_for_a_second_while_nothing_gets_on_is_blocked(story: Story) -> None:
    story.asked(1, 1.25, 1.9, answered=True)
    assert story.state() is State.IN_DOUBT
    story.asked(2, answered=True)
    assert story.state() is State.BLOCKED
    story.at(8).get_on()
    assert story.state(at=8.5) is State.FLOWING


def test_an_answer_from_before_the_doubt_proves_nothing(story: Story) -> None:
    story.asked(0.5, 2, answered=True)
    assert story.state() is State.IN_DOUBT


def test_a_database_without_a_sign_of_life_for_three_seconds_is_away(story: Story) -> None:
    story.asked(1, 1.75, 2.5, 2.9, answered=False)
    assert story.state() is State.IN_DOUBT
    story.asked(3, answered=False)
    assert story.state() is State.AWAY


def test_the_first_answer_ends_that_it_is_away(story: Story) -> None:
    story.asked(1, 3, 59.5, answered=False)
    story.asked(60, answered=True)
    assert story.state() is State.IN_DOUBT
    story.at(60.2).begin()
    assert story.state() is State.FLOWING


def test_the_first_transaction_that_gets_on_ends_it_too(story: Story) -> None:
    story.asked(1, 3, answered=False)
    story.at(5).get_on()
    assert story.state() is State.FLOWING


def test_a_question_that_a_restart_kept_waiting_does_not_make_the_ledger_blocked(story: Story) -> None:
    story.at(0).get_on()  # asked from the first second on, and answered when the server was back
    story.asked(1.9, answered=True)
    assert story.state(at=2.4) is State.IN_DOUBT, "those in the ledger pause before they try again"


def test_who_found_the_database_silent_has_a_second_to_try_again_before_it_is_called_blocked(story: Story) -> None:
    story.asked(1, 1.9, answered=False)
    story.asked(2.1, 2.4, 2.7, answered=True)
    assert story.state() is State.IN_DOUBT
    story.asked(3.1, answered=True)
    assert story.state() is State.BLOCKED


def test_a_slow_database_is_not_away_when_only_short_questions_are_not_answered(story: Story) -> None:
    for second in range(1, 60):
        story.asked(second, answered=second % 2 == 0)
        assert story.state() is not State.AWAY


def test_a_question_without_an_answer_says_nothing_while_transactions_get_on(story: Story) -> None:
    for second in range(1, 10):
        story.at(second).get_on()
        story.asked(second + 0.5, answered=False)
        assert story.state() is State.FLOWING
