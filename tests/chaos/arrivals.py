"""Requests that come at a fixed rate, whether those before them were answered or not, as the clients of a shop do.

Each has a connection of its own and waits as long as it takes. One thread sends and reads all of them.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import Gunicorn

from .client import Answer, Request, answer_line, sent_line

_PATIENCE = 120.0  # seconds until an answer counts as lost


@dataclass(frozen=True)
class Sent:
    """One request of a `kind`: its bytes as they go over the wire, and what they ask for, if they ask the ledger."""

    kind: str
    content: bytes
    asks: Request | None = None


@dataclass(frozen=True)
class Arrival:
    """A request and its answer. `at` and `ended` are time.monotonic(); a lost answer has status 0 and no code."""

    sent: Sent
    at: float
    ended: float
    status: int
    code: int | None
    data: str | None

    @property
    def seconds(self) -> float:
        return self.ended - self.at


def over_http(kind: str, path: str, content_type: str, body: bytes, asks: Request | None = None) -> Sent:
    """A POST that wants JSON back."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return Sent(kind, head.encode() + body, asks)


def cancellation(request: Request, kind: str = "ledger") -> Sent:
    """A signed request as it goes over the wire."""
    return over_http(kind, "/api/order/cancel", request.content_type, request.body, request)


def write_record(arrivals: Iterable[Arrival], path: Path) -> None:
    """The requests that asked the ledger, and their answers, as client.py records them."""
    with path.open("w") as file:
        for arrival in arrivals:
            request, at = arrival.sent.asks, round(arrival.at * 1e9)
            if request is None:
                continue
            lines = [sent_line(request, at)]
            if arrival.status:
                answer = Answer(arrival.status, arrival.code, arrival.data)
                lines.append(answer_line(request, at, round(arrival.ended * 1e9), answer))
            file.writelines(f"{json.dumps(line)}\n" for line in lines)


class Arrivals:
    """Sends in a thread of its own until it is closed (sending()); `done` grows with each answer."""

    def __init__(self, server: Gunicorn) -> None:
        self._server = server
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="arrivals")
        self._thread.start()
        self.done: list[Arrival] = []

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def at_once(self, requests: list[Sent]) -> list[Arrival]:
        """All at the same moment; their answers when all are there."""
        asked = [self._ask(request) for request in requests]
        return [future.result() for future in asked]

    def come(self, choose: Callable[[int], Sent], a_second: float, seconds: float) -> Future[list[Arrival]]:
        """`choose(0)`, `choose(1)` and so on come for some seconds; the future has their answers when all are there."""
        return asyncio.run_coroutine_threadsafe(self._come(choose, a_second, seconds), self._loop)

    async def _come(self, choose: Callable[[int], Sent], a_second: float, seconds: float) -> list[Arrival]:
        began = time.monotonic()
        asked = []
        for number in range(round(a_second * seconds)):
            await asyncio.sleep(max(0.0, began + number / a_second - time.monotonic()))
            asked.append(asyncio.ensure_future(self._answer(choose(number))))
        return await asyncio.gather(*asked)

    def _ask(self, request: Sent) -> Future[Arrival]:
        return asyncio.run_coroutine_threadsafe(self._answer(request), self._loop)

    async def _answer(self, sent: Sent) -> Arrival:
        at = time.monotonic()
        try:
            status, content = await asyncio.wait_for(self._exchange(sent.content), _PATIENCE)
        except (OSError, EOFError, TimeoutError):
            status, content = 0, b""
        arrival = Arrival(sent, at, time.monotonic(), status, *_result(content))
        self.done.append(arrival)
        return arrival

    async def _exchange(self, content: bytes) -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection(self._server.host, self._server.port)
        try:
            writer.write(content)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = int(head.partition("content-length:")[2].split("\r\n")[0])
            return int(head.split()[1]), await reader.readexactly(length)
        finally:
            writer.close()


def _result(content: bytes) -> tuple[int | None, str | None]:
    try:
        result = json.loads(content)
        return result["code"], result["data"]
    except (ValueError, KeyError, TypeError):
        return None, None


@contextmanager
def sending(server: Gunicorn) -> Iterator[Arrivals]:
    """Arrivals at a server; closed at the end."""
    arrivals = Arrivals(server)
    try:
        yield arrivals
    finally:
        arrivals.close()
