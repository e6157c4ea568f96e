"""A client that keeps its own record: every request before it is sent, every answer once it was read.

The record is JSON lines, each on the disk before the next step, so that it can be held against the ledger.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import TracebackType

from tests.fakes import signed
from tests.servers import Server
from tests.wire import FORMATS, members_of

TRY_AGAIN = 3001
_TIMEOUT = 20.0  # more than the 8 s in which a request must have its answer
_numbers = count(1)


@dataclass(frozen=True)
class Request:
    """The bytes of one request and what they ask for; the same `number` means the same bytes."""

    number: int
    order_number: str
    passengers: frozenset[str]
    ids: str
    at: datetime
    random: int
    sign: str
    content_type: str
    body: bytes


def make_request(order_number: str, passengers: Sequence[str], *, like: Request | None = None) -> Request:
    """A signed request in any format, ids in any case; with `like` it carries the signature of that one."""
    number = next(_numbers)
    at, nonce = (like.at, like.random) if like else (datetime.now(UTC), number)
    ids = ", ".join(random.choice((passenger_id.lower(), passenger_id.upper())) for passenger_id in passengers)
    members = members_of(signed(order_number, ids, at=at, random=nonce))
    form = random.choice(FORMATS)
    return Request(
        number,
        order_number,
        frozenset(passengers),
        ids,
        at,
        nonce,
        members["sign"],
        form.content_type,
        form.write(members),
    )


@dataclass(frozen=True)
class Answer:
    """What came back; code and data are None in what is no ApiResult."""

    status: int
    code: int | None
    data: str | None

    @property
    def final(self) -> bool:
        """Not "try again"."""
        return self.code != TRY_AGAIN


def sent_line(request: Request, at: int) -> dict[str, object]:
    """What stands in a record before a request is sent; times are time.monotonic_ns()."""
    return {
        "sent": request.number,
        "at": at,
        "order": request.order_number,
        "passengers": sorted(request.passengers),
        "ids": request.ids,
        "sign": request.sign,
    }


def answer_line(request: Request, sent_at: int, at: int, answer: Answer) -> dict[str, object]:
    """What stands in a record once an answer was read."""
    result = {"status": answer.status, "code": answer.code, "data": answer.data}
    return {"answer": request.number, "sent_at": sent_at, "at": at, **result}


class Client:
    """Sends to one server and records in one file; for one thread."""

    def __init__(self, server: Server, record: Path) -> None:
        self._server = server
        self._record = record.open("ab")
        self.sent = self.answers = self.cut = 0

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._record.close()

    def ask(self, request: Request, headers: Mapping[str, str] | None = None) -> Answer | None:
        """The answer; None when the connection broke before all of it was read."""
        connection = self._server.connection(_TIMEOUT)
        sent_at = self._send(connection, request, headers or {})
        try:
            response = connection.getresponse()
            answer = _read(response.status, response.read())
        except TimeoutError:
            self._write({"timed_out": request.number})
            return None
        except (OSError, http.client.HTTPException):
            self.cut += 1
            return None
        finally:
            connection.close()
        self._write(answer_line(request, sent_at, time.monotonic_ns(), answer))
        self.answers += 1
        return answer

    def ask_and_leave(self, request: Request) -> None:
        """Send it and close the connection: the answer is lost."""
        connection = self._server.connection(_TIMEOUT)
        self._send(connection, request, {})
        connection.close()

    def _send(self, connection: http.client.HTTPConnection, request: Request, headers: Mapping[str, str]) -> int:
        sent_at = time.monotonic_ns()
        self._write(sent_line(request, sent_at))
        self.sent += 1
        fixed = {"Content-Type": request.content_type, "Accept": "application/json", "Connection": "close"}
        try:
            connection.request("POST", "/api/order/cancel", request.body, {**fixed, **headers})
        except OSError:
            connection.close()  # the server went while it was read; getresponse() will say so
        return sent_at

    def _write(self, line: Mapping[str, object]) -> None:
        self._record.write(json.dumps(line).encode() + b"\n")
        self._record.flush()
        os.fsync(self._record.fileno())


def _read(status: int, content: bytes) -> Answer:
    try:
        result = json.loads(content)
        return Answer(status, result["code"], result["data"])
    except (ValueError, KeyError, TypeError):
        return Answer(status, None, None)


class Crowd:
    """Clients that ask at the same moment, each from a thread of its own."""

    def __init__(self, server: Server, directory: Path, size: int) -> None:
        self._exits = ExitStack()
        self._clients = [self._exits.enter_context(Client(server, directory / f"{n}.jsonl")) for n in range(size)]
        self._pool = self._exits.enter_context(ThreadPoolExecutor(size))

    def __enter__(self) -> Crowd:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exits.close()

    def ask(self, requests: Sequence[Request]) -> list[Answer | None]:
        """One request a client, in their order; at most as many as there are clients."""
        start = threading.Barrier(len(requests))

        def run(client: Client, request: Request) -> Answer | None:
            start.wait(_TIMEOUT)
            return client.ask(request)

        return list(self._pool.map(run, self._clients[: len(requests)], requests))
