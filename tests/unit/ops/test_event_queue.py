"""Sinks get every event, soon, and by another thread than the one that answers."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from weakref import WeakSet

import pytest

from app import create_app
from refund_api.events import ActionAnswered, Broken, Event
from refund_api.ops import event_queue
from refund_api.ops.event_queue import MOST_WAITING, EventQueue
from tests.figures import counted
from tests.servers import ROOT
from tests.unit.ops.events import event
from xml_contracts.refund import ApiResult

SOON = 60  # seconds after which a test fails


def numbered(number: int) -> Event:
    return event(ActionAnswered(number), code=number)


def fail(event: Event) -> None:
    raise ZeroDivisionError


@pytest.fixture(autouse=True)
def queues(monkeypatch: pytest.MonkeyPatch) -> Iterator[WeakSet[EventQueue]]:
    """Those that the test makes; they are closed at its end."""
    made: WeakSet[EventQueue] = WeakSet()
    monkeypatch.setattr(event_queue, "queues", made)
    yield made
    for queue in made:
        queue.close()


@pytest.fixture
def no_gathering_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread never comes to what waits."""
    monkeypatch.setattr(event_queue, "GATHER", 3600)


def test_without_a_thread_every_sink_has_the_event_at_once() -> None:
    first: list[Event] = []
    second: list[Event] = []
    EventQueue(first.append, second.append)(numbered(1))
    assert first == second == [numbered(1)]


def test_with_a_thread_events_reach_the_sinks_by_themselves_in_their_order() -> None:
    codes: list[int | None] = []
    threads: set[str] = set()
    last_came = threading.Event()

    def sink(event: Event) -> None:
        codes.append(event.code)
        threads.add(threading.current_thread().name)
        if event.code == 30:
            last_came.set()

    queue = EventQueue(sink)
    queue.start_thread()
    for number in range(1, 31):
        queue(numbered(number))
    assert last_came.wait(SOON)
    assert codes == list(range(1, 31))
    assert threads == {"events"}


def test_whoever_catches_up_finds_also_the_event_that_the_thread_has_in_hand() -> None:
    codes: list[int | None] = []
    in_hand, go_on = threading.Event(), threading.Event()

    def slow_with_the_first(event: Event) -> None:
        if event.code == 1:
            in_hand.set()
            go_on.wait(SOON)
        codes.append(event.code)

    queue = EventQueue(slow_with_the_first)
    queue.start_thread()
    queue(numbered(1))
    assert in_hand.wait(SOON)
    queue(numbered(2))
    asking = threading.Thread(target=queue.catch_up)
    asking.start()
    asking.join(0.2)
    assert asking.is_alive(), "it waits for the first event"
    go_on.set()
    asking.join(SOON)
    assert codes == [1, 2]


@pytest.mark.usefixtures("no_gathering_ends")
def test_a_full_queue_loses_no_event_and_does_not_grow() -> None:
    codes: list[int | None] = []
    queue = EventQueue(lambda event: codes.append(event.code))
    queue.start_thread()
    for number in range(1, MOST_WAITING):
        queue(numbered(number))
    assert codes == []
    queue(numbered(MOST_WAITING))
    assert codes == list(range(1, MOST_WAITING + 1))


@pytest.mark.usefixtures("no_gathering_ends")
def test_an_exception_does_not_wait_because_it_holds_its_request() -> None:
    told: list[Event] = []
    queue = EventQueue(told.append)
    queue.start_thread()
    queue(numbered(1))
    broken = event(Broken(ZeroDivisionError()))
    queue(broken)
    assert told == [broken]


@pytest.mark.usefixtures("no_gathering_ends")
def test_at_the_end_of_a_process_everything_is_told_and_what_comes_still_at_once() -> None:
    told: list[Event] = []
    queue = EventQueue(told.append)
    queue.start_thread()
    queue(numbered(1))
    queue.close()
    assert told == [numbered(1)]
    queue(numbered(2))
    assert told == [numbered(1), numbered(2)]


@pytest.mark.parametrize("threaded", [True, False])
def test_a_sink_that_always_raises_is_logged_and_takes_nothing_from_the_others(
    caplog: pytest.LogCaptureFixture, threaded: bool
) -> None:
    told: list[Event] = []
    queue = EventQueue(fail, told.append)
    if threaded:
        queue.start_thread()
    for number in (1, 2):
        queue(numbered(number))
        queue.catch_up()
    assert told == [numbered(1), numbered(2)]
    assert caplog.messages == ["a sink of events failed"] * 2


FORK = """
import os
from refund_api.ops import event_queue
from tests.unit.ops.test_event_queue import numbered
event_queue.GATHER = 3600
told = []
queue = event_queue.EventQueue(lambda event: told.append(event.code))
event_queue.start_threads()
queue(numbered(1))
reader, writer = os.pipe()
if os.fork() == 0:
    queue(numbered(2))
    os.write(writer, repr(told).encode())
    os._exit(0)
os.wait()
queue(numbered(3))
assert told == []
queue.catch_up()
print("child", os.read(reader, 100).decode(), "parent", told)
"""


def test_a_child_that_is_forked_tells_at_once_and_leaves_what_waited_to_its_parent() -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORK]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=SOON)
    assert done.stdout == "child [2] parent [1, 3]\n"


EXIT = """
from refund_api.ops import event_queue
from tests.unit.ops.test_event_queue import numbered
event_queue.GATHER = 3600
queue = event_queue.EventQueue(lambda event: print(event.code))
event_queue.start_threads()
queue(numbered(1))
"""


def test_a_process_that_ends_by_itself_tells_what_waits() -> None:
    done = subprocess.run(
        [sys.executable, "-c", EXIT], cwd=ROOT, capture_output=True, text=True, check=True, timeout=SOON
    )
    assert done.stdout == "1\n"


@pytest.mark.usefixtures("no_gathering_ends")
def test_the_page_of_metrics_has_every_answer_that_was_given_before() -> None:
    app = create_app(handler=lambda reading, context: ApiResult(1, "ok"))
    client = app.test_client()
    event_queue.start_threads()
    client.post("/api/order/cancel", json={})
    assert counted(app, "requests") == {}, "the answer waits"
    assert b'refund_api_requests_total{code="1",format="json",status="200"} 1.0' in client.get("/metrics").data
