"""The load: clients that cancel, repeat, overlap, steal signatures and lose answers, all on the same few orders."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from tests.servers import Server

from .client import Client, Request, make_request
from .stage import Booking, Stage

CLIENTS = 8
_CURRENT = 6  # orders that all clients work on at a time
_REQUESTS_PER_ORDER = 10
_SPARE = 300
_DRAIN_SECONDS = 60


class Orders:
    """Orders in use and spare ones; an order that had its share of requests makes room for the next."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._spare: deque[Booking] = deque()
        self.refill()
        self._current = [(self._spare.popleft(), 0) for _ in range(_CURRENT)]
        self._lock = threading.Lock()

    def refill(self) -> None:
        """Book more when few are left; from one thread, while others choose()."""
        if len(self._spare) < _SPARE:
            self._spare.extend(self._stage.book(2 * _SPARE))

    def choose(self) -> Booking:
        with self._lock:
            place = random.randrange(_CURRENT)
            order, used = self._current[place]
            if used >= _REQUESTS_PER_ORDER and self._spare:
                order, used = self._spare.popleft(), 0
            self._current[place] = (order, used + 1)
            return order


class Load:
    """Clients in threads, from `with` to stop(); then drain() asks again what was not answered.

    Between two requests a client waits `pause` seconds.
    """

    def __init__(self, server: Server, orders: Orders, records: Path, *, pause: float = 0.0) -> None:
        self._orders = orders
        self._pause = pause
        self._stopping = threading.Event()
        self._recent: deque[Request] = deque(maxlen=500)
        self._open: dict[int, Request] = {}
        self._exits = ExitStack()
        self._clients = [self._exits.enter_context(Client(server, records / f"{n}.jsonl")) for n in range(CLIENTS)]
        self._pool = self._exits.enter_context(ThreadPoolExecutor(CLIENTS))

    def __enter__(self) -> Load:
        self._working = [self._pool.submit(self._work, client) for client in self._clients]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._exits.close()

    @property
    def running(self) -> bool:
        """Until stop(), or until a client fails."""
        return not any(work.done() for work in self._working)

    @property
    def sent(self) -> int:
        return sum(client.sent for client in self._clients)

    @property
    def answers(self) -> int:
        return sum(client.answers for client in self._clients)

    @property
    def cut(self) -> int:
        """Requests whose connection broke before the answer."""
        return sum(client.cut for client in self._clients)

    def stop(self) -> None:
        """Wait for the last answer of every client; raises what a client failed with."""
        self._stopping.set()
        for work in self._working:
            work.result()

    def drain(self) -> None:
        """Repeat what has no answer yet, the same bytes; after a minute give up, and check.py will tell."""
        end = time.monotonic() + _DRAIN_SECONDS
        while self._open and time.monotonic() < end:
            unanswered = list(self._open.values())
            shares = [unanswered[n::CLIENTS] for n in range(CLIENTS)]
            list(self._pool.map(self._ask_all, self._clients, shares, [end] * CLIENTS))

    def _ask_all(self, client: Client, requests: list[Request], end: float) -> None:
        for request in requests:
            if time.monotonic() < end:
                self._ask(client, request)

    def _work(self, client: Client) -> None:
        while not self._stopping.is_set():
            request = self._choose()
            self._recent.append(request)
            self._open[request.number] = request
            if random.random() < 0.1:
                client.ask_and_leave(request)
            elif not self._ask(client, request):
                self._ask(client, request)  # as clients do: at once, when the connection broke
            self._stopping.wait(self._pause)

    def _ask(self, client: Client, request: Request) -> bool:
        answer = client.ask(request)
        if answer is not None and answer.final:
            self._open.pop(request.number, None)
        return answer is not None

    def _choose(self) -> Request:
        """New, overlapping or not as it happens; the same bytes; the same content signed anew; a stolen signature."""
        dice = random.random()
        if dice < 0.5 or not self._recent:
            return _new(self._orders.choose())
        if dice < 0.6:
            return random.choice(list(self._open.values()) or [self._old()])
        if dice < 0.7:
            return self._old()
        if dice < 0.92:
            old = self._old()
            return make_request(old.order_number, random.sample(sorted(old.passengers), len(old.passengers)))
        return _new(self._orders.choose(), like=self._old())

    def _old(self) -> Request:
        """Often one of the last, which may still be on its way."""
        recent = list(self._recent.copy())
        return random.choice(recent[-random.choice((CLIENTS, len(recent))) :])


def _new(order: Booking, like: Request | None = None) -> Request:
    some = random.sample(order.passengers, random.choice((1, 1, 2, 3)))
    return make_request(order.order_number, some, like=like)
