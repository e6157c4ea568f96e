"""The gate of a worker in front of its ledger: who may enter, who waits, and who is told at once to try again later.

A request that needs the ledger holds a thread of its worker until it is answered. When the database is away or a lock
is not given back, such requests would soon hold every thread, and those that need no database would wait behind them.
Yet nobody may be refused for a restart, nor for a lock that is held for less than a second. So while it is not clear
what is wrong, requests wait here; one thread of the worker is always left over (threads_for).

What a request meets depends on the state of the ledger (liveness.py):
- flowing: it enters when one of the `places` is free; else it waits, in the order of coming;
- in doubt: the same, but when `room` requests wait already, it is refused. Threads begin to ask the database, and ask
  until there is no doubt;
- blocked: it enters when a place is free, else it is refused, and so is whoever waits;
- away: it is refused, and so is whoever waits. Only the questions go on, so that no client pays for finding out.
Nobody waits for longer than `patience`, in any state.

A request that leaves hands its place to the one that waits longest; so nobody waits while a place is free. Whoever is
in the ledger stays until its budget is spent: a refusal here comes before the transaction, never after a COMMIT.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from ..ports import LedgerUnavailable
from .liveness import AWAY_AFTER, DOUBT_AFTER, Clock, Liveness, State

Question = Callable[[], bool]
"""Asks the database something that waits for no lock; True: it answered. Takes a few seconds at most."""

WAITING_ROOM = 60
"""The `room` of the service: enough for the two seconds of a restart at 25 such requests a second in one worker."""

_PAUSE = 0.25  # seconds between two questions

_AWAY = "the database does not answer; it is asked in the background, and requests are refused until it does"
_BLOCKED = "the database answers, but requests that wait for locks hold every place"
_FULL = f"nothing got on for {DOUBT_AFTER:g} s, and too many requests wait already"
_LATE = "no place in the ledger became free in time"

_log = logging.getLogger(__name__)


def threads_for(places: int) -> int:
    """How many threads a worker needs: for the places, for those who wait, and one for all other requests."""
    return places + WAITING_ROOM + 1


class _Waiting:
    """A request at the gate. `called` is set when it was given a place, or refused for a reason."""

    def __init__(self) -> None:
        self.called = threading.Event()
        self.refusal: str | None = None


def in_background(work: Callable[[], None]) -> None:
    """Run it in a thread that does not keep the process from ending. RuntimeError, MemoryError: none can be started."""
    threading.Thread(target=work, name="ledger-question", daemon=True).start()


class Gate:
    """One gate for all threads of a process."""

    def __init__(
        self,
        places: int,
        room: int,
        questions: Sequence[Question] = (),
        *,
        clock: Clock = time.monotonic,
        patience: float = AWAY_AFTER,
        start: Callable[[Callable[[], None]], None] = in_background,
    ) -> None:
        self._places = places
        self._room = room
        self._questions = questions
        self._clock = clock
        self._patience = patience
        self._start = start
        self._liveness = Liveness(clock)
        self._lock = threading.Lock()
        self._inside = 0
        self._waiting: deque[_Waiting] = deque()
        self._asking: set[Question] = set()

    @contextmanager
    def passed(self) -> Iterator[float]:
        """Inside the block the ledger may be used; gives the seconds waited. LedgerUnavailable: refused."""
        began = self._clock()
        self._enter()
        got_on = True
        try:
            yield self._clock() - began
        except LedgerUnavailable:
            got_on = False
            raise
        finally:
            self._leave(got_on)

    def _enter(self) -> None:
        with self._lock:
            waiting = self._admit()
        if waiting is None:
            return
        waiting.called.wait(self._patience)
        with self._lock:
            if not waiting.called.is_set():
                self._waiting.remove(waiting)
                waiting.refusal = _LATE
        if waiting.refusal is not None:
            raise LedgerUnavailable(waiting.refusal)

    def _admit(self) -> _Waiting | None:
        """None: it has a place now. LedgerUnavailable: refused."""
        if self._liveness.state is State.AWAY:
            raise LedgerUnavailable(_AWAY)
        if self._inside == 0:
            self._liveness.begin()
        state = self._liveness.state
        if state is not State.FLOWING:
            self._ask()
        if self._inside < self._places:
            self._inside += 1
            return None
        if state is State.BLOCKED:
            raise LedgerUnavailable(_BLOCKED)
        if state is State.IN_DOUBT and len(self._waiting) >= self._room:
            raise LedgerUnavailable(_FULL)
        self._waiting.append(_Waiting())
        return self._waiting[-1]

    def _leave(self, got_on: bool) -> None:
        with self._lock:
            before = self._liveness.state
            if got_on:
                self._liveness.get_on()
            after = self._liveness.state
            if self._waiting:
                self._waiting.popleft().called.set()
            else:
                self._inside -= 1
        _tell(before, after)

    def _ask(self) -> None:
        """Begin to ask those questions that are not being asked already."""
        for question in self._questions:
            if question not in self._asking:
                self._asking.add(question)
                try:
                    self._start(partial(self._ask_on, question))
                except (RuntimeError, MemoryError):
                    self._asking.remove(question)

    def _ask_on(self, question: Question) -> None:
        """The thread of a question: ask until there is no doubt."""
        while self.hear(question, answered=_answers(question)):
            time.sleep(_PAUSE)

    def hear(self, question: Question, *, answered: bool) -> bool:
        """The outcome of a question; whether it shall be asked again."""
        with self._lock:
            before = self._liveness.state
            if answered or self._is_in_doubt():
                self._liveness.hear(answered=answered)
            after = self._liveness.state
            is_in_doubt = self._is_in_doubt()
            if is_in_doubt:
                self._refuse_who_waits()
            else:
                self._asking.discard(question)
        _tell(before, after)
        return is_in_doubt

    def _is_in_doubt(self) -> bool:
        """An idle ledger does not get on either, which proves nothing."""
        state = self._liveness.state
        return state is State.AWAY or (self._inside > 0 and state is not State.FLOWING)

    def _refuse_who_waits(self) -> None:
        reasons = {State.AWAY: (_AWAY, 0), State.BLOCKED: (_BLOCKED, 0), State.IN_DOUBT: (_FULL, self._room)}
        refusal, room = reasons[self._liveness.state]
        while len(self._waiting) > room:
            waiting = self._waiting.pop()
            waiting.refusal = refusal
            waiting.called.set()


def _tell(before: State, after: State) -> None:
    """Log when the gate was shut for everyone, and when it opened. Not under the lock: a log may stall."""
    if State.AWAY in (before, after) and before is not after:
        _log.warning("the database answers again" if before is State.AWAY else _AWAY)


def _answers(question: Question) -> bool:
    """Whether it was answered. A question that breaks says nothing against the database."""
    try:
        return question()
    except Exception:
        _log.exception("the database could not be asked")
        return True
