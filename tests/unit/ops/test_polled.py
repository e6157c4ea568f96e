"""Who asks what a slow look finds: never two looks at once, never a long wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from refund_api.ops import polled
from refund_api.ops.polled import Polled
from refund_api.ports import LedgerUnavailable
from tests.integration.storage.given import at_once
from tests.replication import until

LONG = 3600.0


@dataclass
class Look:
    """A look that a test may keep from ending, and that finds how often it was begun, or fails."""

    begun: int = 0
    hangs: bool = False
    error: Exception | None = None
    released: threading.Event = field(default_factory=threading.Event)

    def __call__(self) -> int:
        self.begun += 1
        found = self.begun
        if self.hangs:
            self.released.wait(60)
        if self.error is not None:
            raise self.error
        return found


@pytest.fixture
def look() -> Iterator[Look]:
    a_look = Look()
    yield a_look
    a_look.released.set()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polled, "PATIENCE", 0.05)


def reason(ask: Callable[[], int]) -> str:
    with pytest.raises(LedgerUnavailable) as caught:
        ask()
    return str(caught.value)


def watchers() -> int:
    return sum(thread.name == "database-watch" for thread in threading.enumerate())


def test_what_was_found_is_told_again_while_it_is_fresh(look: Look) -> None:
    ask = Polled(look, fresh_seconds=LONG)
    assert [ask(), ask(), ask()] == [1, 1, 1]


def test_what_is_no_longer_fresh_is_looked_for_again(look: Look) -> None:
    ask = Polled(look, fresh_seconds=0)
    assert [ask(), ask()] == [1, 2]


def test_many_who_ask_at_once_wait_for_one_look(look: Look) -> None:
    look.hangs = True
    ask = Polled(look, fresh_seconds=LONG)
    threading.Timer(0.1, look.released.set).start()
    assert at_once([ask] * 20) == [1] * 20


@pytest.mark.usefixtures("impatient")
def test_while_a_look_hangs_everybody_is_told_and_no_second_one_begins(look: Look) -> None:
    look.hangs = True
    ask = Polled(look, fresh_seconds=0)
    before = watchers()
    assert all("no answer after" in reason(ask) for _ in range(30))
    assert (look.begun, watchers()) == (1, before + 1)
    look.released.set()
    until(lambda: watchers() == before)
    assert ask() == 2


@pytest.mark.usefixtures("impatient")
def test_a_look_that_hangs_after_a_good_one_is_not_covered_up(look: Look) -> None:
    ask = Polled(look, fresh_seconds=0)
    assert ask() == 1
    look.hangs = True
    assert "no answer after" in reason(ask)


def test_after_a_failure_the_next_look_is_waited_for_only_briefly(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polled, "PATIENCE", LONG)
    look.error = LedgerUnavailable("away")
    ask = Polled(look, fresh_seconds=0)
    assert reason(ask) == "away"
    look.hangs = True
    assert [reason(ask), reason(ask)] == ["away", "away"], "and not an hour later"


def test_a_database_that_is_back_is_noticed_by_the_next_who_asks(look: Look) -> None:
    look.error = LedgerUnavailable("away")
    ask = Polled(look, fresh_seconds=0)
    assert reason(ask) == "away"
    look.error = None
    assert ask() == 2


def test_an_error_that_nobody_expected_is_logged_and_told_without_its_text(
    look: Look, caplog: pytest.LogCaptureFixture
) -> None:
    look.error = ZeroDivisionError("a password")
    assert reason(Polled(look, fresh_seconds=LONG)) == "it could not be examined: ZeroDivisionError"
    (record,) = caplog.records
    assert record.exc_info is not None and record.exc_info[1] is look.error


def test_without_a_thread_to_spare_callers_are_told_and_the_next_try_succeeds(
    look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = Polled(look, fresh_seconds=0)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", _no_thread)
        assert reason(ask) == "it could not be examined: can't start new thread"
    assert ask() == 1


def _no_thread(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
