"""Who enters the ledger, who waits and who is refused, with a clock that only the test moves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress

import pytest

from refund_api.ports import LedgerUnavailable
from refund_api.storage.gate import Gate
from refund_api.storage.liveness import State

PLACES = 2
ROOM = 3
LONG = 30.0  # seconds: no test waits so long, unless the code is wrong


class Database:
    """Answers questions when it is asked by the test; what would run in the background is kept."""

    def __init__(self) -> None:
        self.begun: list[Callable[[], None]] = []

    def question(self) -> bool:
        raise AssertionError("nothing runs in the background here")


class OpenGate(Gate):
    """A gate that shows what is in it."""

    @property
    def state(self) -> State:
        with self._lock:
            return self._liveness.state

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        with self._lock:
            return len(self._waiting)


class Scene:
    """A gate, its clock, and requests that come to it, each in a thread of its own."""

    def __init__(self, pool: ThreadPoolExecutor, patience: float = LONG) -> None:
        self.now = 0.0
        self.database = Database()
        self.gate = OpenGate(
            PLACES,
            ROOM,
            [self.database.question],
            clock=lambda: self.now,
            patience=patience,
            start=self.database.begun.append,
        )
        self._pool = pool
        self._question = self.database.question

    @contextmanager
    def full(self) -> Iterator[None]:
        """Inside the block every place is taken by a request that does not get on."""
        with ExitStack() as places:
            for _ in range(PLACES):
                places.enter_context(stuck(self.gate))
            yield

    def comes(self) -> Future[float]:
        """A request that gets on at once when it is let in; it has entered, waits, or was refused when this returns."""
        waiting = self.gate.waiting
        future = self._pool.submit(self._pass)
        until(lambda: future.done() or self.gate.waiting > waiting)
        return future

    def _pass(self) -> float:
        with self.gate.passed() as waited:
            return waited

    def hears(self, *, answered: bool) -> bool:
        return self.gate.hear(self._question, answered=answered)


@contextmanager
def stuck(gate: Gate) -> Iterator[None]:
    """Inside the block a place is taken by a request that does not get on."""
    with suppress(LedgerUnavailable), gate.passed():
        yield
        raise LedgerUnavailable("lock timeout")


def until(reached: Callable[[], bool]) -> None:
    end = time.monotonic() + LONG
    while not reached():
        assert time.monotonic() < end
        threading.Event().wait(0.001)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(PLACES + ROOM + 5) as threads:
        yield threads


@pytest.fixture
def scene(pool: ThreadPoolExecutor) -> Scene:
    return Scene(pool)


def refusal(future: Future[float]) -> str:
    error = future.exception(LONG)
    assert isinstance(error, LedgerUnavailable), error
    return str(error)


def test_who_finds_no_place_waits_and_is_told_how_long(scene: Scene) -> None:
    with scene.gate.passed(), scene.gate.passed():
        late = scene.comes()
        assert not late.done()
        scene.now = 0.25
    assert late.result(LONG) == 0.25


def test_a_place_goes_to_the_one_that_waits_longest(scene: Scene) -> None:
    with scene.gate.passed():
        with scene.gate.passed():
            first, second = scene.comes(), scene.comes()
            assert not first.done() and not second.done()
        assert first.result(LONG) >= 0  # it gets on, and hands the place to the second
        assert second.result(LONG) >= 0


def test_any_number_waits_while_the_ledger_flows(scene: Scene) -> None:
    with scene.gate.passed(), scene.gate.passed():
        requests = [scene.comes() for _ in range(ROOM + 2)]
        assert scene.gate.waiting == len(requests)
    assert all(request.result(LONG) == 0 for request in requests)


def test_nobody_is_refused_before_nothing_has_got_on_for_a_second(scene: Scene) -> None:
    with scene.full():
        requests = [scene.comes() for _ in range(ROOM + 2)]
        scene.now = 0.99
        requests.append(scene.comes())
        assert not scene.database.begun
        assert not any(request.done() for request in requests)
        scene.now = 1.0
        assert "too many requests wait" in refusal(scene.comes())
        assert len(scene.database.begun) == 1


def test_in_doubt_those_who_came_last_leave_the_room_until_it_is_known_what_is_wrong(scene: Scene) -> None:
    with scene.full():
        requests = [scene.comes() for _ in range(ROOM + 2)]
        scene.now = 1.5
        assert scene.hears(answered=False)
        assert all("too many requests wait" in refusal(request) for request in requests[ROOM:])
        assert not any(request.done() for request in requests[:ROOM])


def test_a_lock_that_is_not_given_back_refuses_who_waits_and_who_finds_no_place(scene: Scene) -> None:
    with scene.full():
        early = scene.comes()
        for second in (1.0, 2.0):
            assert not early.done()
            scene.now = second
            assert scene.hears(answered=True)
        assert scene.gate.state is State.BLOCKED
        assert "wait for locks" in refusal(early)
        assert "wait for locks" in refusal(scene.comes())
    assert scene.comes().result(LONG) == 0, "a place is free, so the next one may try"


def test_a_database_that_is_away_refuses_everyone_even_where_places_are_free(scene: Scene) -> None:
    with scene.full():
        early = scene.comes()
        scene.now = 3.0
        assert scene.hears(answered=False)
        assert scene.gate.state is State.AWAY
        assert "does not answer" in refusal(early)
    assert "does not answer" in refusal(scene.comes())
    assert scene.hears(answered=False), "it is asked on while nobody is in the ledger"


def test_the_first_answer_opens_the_gate_and_ends_the_questions(scene: Scene) -> None:
    with scene.full():
        scene.now = 3.0
        scene.comes()
        scene.hears(answered=False)
    scene.now = 60.0
    assert not scene.hears(answered=True)
    assert scene.comes().result(LONG) == 0


def test_the_first_request_that_gets_on_opens_it_too(scene: Scene) -> None:
    with scene.gate.passed():
        scene.now = 3.0
        scene.hears(answered=False)
        assert "does not answer" in refusal(scene.comes())
    assert scene.comes().result(LONG) == 0


def test_a_restart_of_two_seconds_refuses_nobody(scene: Scene) -> None:
    with ExitStack() as places:
        for _ in range(PLACES):
            places.enter_context(scene.gate.passed())
        requests = [scene.comes() for _ in range(ROOM)]
        for second in (1.0, 1.75, 2.0):
            scene.now = second
            scene.hears(answered=False)
        scene.now = 2.1
        scene.hears(answered=True)
        scene.now = 2.5
    assert [request.result(LONG) for request in requests] == [2.5] * ROOM


def test_a_ledger_that_is_idle_is_not_taken_for_one_that_is_away(scene: Scene) -> None:
    with scene.gate.passed():
        pass
    scene.now = 3600.0
    assert not scene.hears(answered=False)
    assert scene.comes().result(LONG) == 0


@pytest.mark.parametrize("error", [ValueError("a fault of the program"), LedgerUnavailable("disk full")])
def test_an_error_inside_comes_out_as_it_is_and_frees_the_place(scene: Scene, error: Exception) -> None:
    for _ in range(PLACES + 1):
        with pytest.raises(type(error), match=str(error)), scene.gate.passed():
            raise error


def test_only_what_the_ledger_could_not_promise_leaves_the_doubt(scene: Scene) -> None:
    with scene.gate.passed():
        scene.now = 1.0
        with stuck(scene.gate):
            pass
        assert scene.gate.state is State.IN_DOUBT
        with pytest.raises(ValueError, match="an answer"), scene.gate.passed():
            raise ValueError("an answer")
        assert scene.hears(answered=True) is False


def test_who_has_waited_for_as_long_as_anyone_may_is_refused_and_leaves_no_trace(pool: ThreadPoolExecutor) -> None:
    scene = Scene(pool, patience=0)
    with scene.gate.passed(), scene.gate.passed():
        with pytest.raises(LedgerUnavailable, match="in time"), scene.gate.passed():
            raise AssertionError("it was let in")
        assert scene.gate.waiting == 0
    assert scene.comes().result(LONG) == 0


def test_a_question_is_asked_by_one_thread_at_a_time(scene: Scene) -> None:
    with scene.full():
        scene.now = 1.0
        scene.comes()
        scene.comes()
        assert len(scene.database.begun) == 1
        scene.hears(answered=True)
        scene.comes()
        assert len(scene.database.begun) == 1
    with scene.gate.passed():
        pass
    assert not scene.hears(answered=True)
    with scene.full():
        scene.now = 3.0
        scene.comes()
        assert len(scene.database.begun) == 2


def test_a_question_that_breaks_does_not_keep_the_gate_shut(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> bool:
        raise ZeroDivisionError

    now = [0.0]
    begun: list[Callable[[], None]] = []
    gate = Gate(1, 0, [broken], clock=lambda: now[0], patience=0, start=begun.append)
    with stuck(gate):
        now[0] = 1.0
        with pytest.raises(LedgerUnavailable, match="too many"), gate.passed():
            pass
    begun[0]()
    assert "could not be asked" in caplog.text
    with gate.passed():
        pass


def test_where_no_thread_can_be_started_requests_are_judged_without_questions() -> None:
    def start(work: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    now = [0.0]
    gate = Gate(1, 1, [lambda: True], clock=lambda: now[0], patience=0, start=start)
    with gate.passed():
        now[0] = 1.0
        for _ in range(2):
            with pytest.raises(LedgerUnavailable, match="in time"), gate.passed():
                pass


def test_the_log_says_when_the_gate_shuts_and_when_it_opens(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    with scene.gate.passed():
        scene.now = 3.0
        scene.hears(answered=False)
        scene.hears(answered=False)
        scene.hears(answered=True)
    shut, opened = caplog.messages
    assert shut.startswith("the database does not answer")
    assert opened == "the database answers again"
