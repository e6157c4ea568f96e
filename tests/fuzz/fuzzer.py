"""Sends mutated requests to the service, judges every answer, and keeps what there is to tell.

The run has rounds. Each begins on an empty ledger with orders of its own, and ends with the audit. Seed and number of
a round give the same requests.
"""

from __future__ import annotations

import heapq
import random
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from refund_api.settings import Settings
from tests.chaos.report import progress
from tests.conformance import read_vectors
from tests.world import ALICE, BOB, CAROL, ORDER

from .judge import code_of, faults, negotiated
from .mutations import mutate
from .orders import Booking, bookings
from .sent import SentRequest, of_vector, to_base64
from .signing import signed_request
from .target import KEYS, Answer, Target

ROUND = 5000
_ORDERS = 300
_KEPT = 100  # many: a pause of the garbage collector looks like a slow request
_VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "parity"


def recorded() -> tuple[SentRequest, ...]:
    """The request of every recorded vector."""
    return tuple(of_vector(vector) for vector in read_vectors([_VECTORS]))


@dataclass(frozen=True)
class Miss:
    """A promise that was not kept, and the request as one line for --replay."""

    sentences: tuple[str, ...]
    line: str


@dataclass
class Slowest:
    """The requests that took longest, with how long; measured again at the end, when the machine may be quieter."""

    kept: list[tuple[float, int, SentRequest]] = field(default_factory=list)

    def add(self, milliseconds: float, number: int, request: SentRequest) -> None:
        push = heapq.heappush if len(self.kept) < _KEPT else heapq.heappushpop
        push(self.kept, (milliseconds, number, request))

    def settle(self, measure: Callable[[SentRequest], float]) -> tuple[float, SentRequest]:
        """The slowest by the best of five more measurements, with its milliseconds."""
        again = [(min(measure(request) for _ in range(5)), number, request) for _, number, request in self.kept]
        milliseconds, _, request = max(again)
        return milliseconds, request


@dataclass
class Fuzzer:
    """Sends requests to one target and keeps what it learns."""

    target: Target
    seed: int
    vectors: Sequence[SentRequest]
    statuses: Counter[int] = field(default_factory=Counter)
    codes: Counter[int] = field(default_factory=Counter)
    misses: list[Miss] = field(default_factory=list)
    bodies: Slowest = field(default_factory=Slowest)
    headers: Slowest = field(default_factory=Slowest)
    longest: int = 0
    memory: list[float] = field(default_factory=list)
    slowest: dict[str, SentRequest] = field(default_factory=dict)

    def run(self, count: int) -> None:
        """`count` requests, in rounds."""
        for start in range(0, count, ROUND):
            for number, request in enumerate(self._round(start // ROUND, min(ROUND, count - start)), start):
                self.send(number, request)
                if number % 100 == 0:
                    progress(f"{number} of {count} requests, {len(self.misses)} misses, codes {dict(self.codes)}")
            report = self.target.audit()
            if not report.clean:
                self.misses.append(Miss((f"the audit of round {start // ROUND}: {report.findings}",), ""))
            self.memory.append(_memory())
        progress("")

    def begin(self, number: int) -> tuple[random.Random, list[Booking]]:
        """An empty ledger with the orders of this round, and the one of the recorded requests.

        In every other round the service explains in a header what it skipped.
        """
        self.target.serve(Settings(database_url=self.target.url, keys=KEYS, explain=number % 2 == 1))
        rng = random.Random(f"{self.seed} {number}")
        booked = [Booking(ORDER, (ALICE, BOB, CAROL)), *bookings(rng, _ORDERS)]
        self.target.empty()
        self.target.book(booked)
        return rng, booked

    def _round(self, number: int, count: int) -> Iterator[SentRequest]:
        rng, booked = self.begin(number)
        for turn in range(count):
            request = rng.choice(self.vectors)
            if turn % 2:
                request = signed_request(rng, request, rng.choice(booked))
            if turn % 2 == 0 or rng.random() < 0.6:
                request = mutate(rng, request, self.vectors)
            yield request

    def send(self, number: int, request: SentRequest) -> Answer | None:
        """One request and what is wrong with its answer; None when the application raised."""
        before = self.target.counts()
        try:
            answer = self.target.send(request)
        except Exception as error:
            self._miss(number, request, (f"the application raises {error!r}",))
            return None
        began = time.process_time()
        chosen = negotiated(request)
        self.headers.add((time.process_time() - began) * 1000, number, request)
        self.bodies.add(answer.cpu, number, request)
        self.longest = max(self.longest, len(answer.body))
        self.statuses[answer.status] += 1
        self.codes[code_of(answer) or 0] += 1
        sentences = tuple(faults(request, answer, chosen, self.target, before, self.target.counts()))
        if sentences:
            self._miss(number, request, sentences)
        return answer

    def _miss(self, number: int, request: SentRequest, sentences: tuple[str, ...]) -> None:
        self.misses.append(Miss(sentences, to_base64(request, seed=self.seed, round=number // ROUND, number=number)))

    def figures(self) -> dict[str, int | float]:
        """What the run has shown; `slowest` then has the slowest requests by the names of their figures."""
        body, slow_body = self.bodies.settle(lambda request: self.target.send(request).cpu)
        headers, slow_headers = self.headers.settle(_milliseconds_to_negotiate)
        self.slowest = {"slowest body, CPU ms": slow_body, "slowest headers, CPU ms": slow_headers}
        return {
            "requests": self.statuses.total(),
            **{f"status {status}": times for status, times in sorted(self.statuses.items())},
            **{f"code {code}" if code else "no code": times for code, times in sorted(self.codes.items())},
            "status >= 500, but 501 and 503": sum(
                times for status, times in self.statuses.items() if status >= 500 and status not in (501, 503)
            ),
            "misses": len(self.misses),
            "slowest body, CPU ms": round(body, 2),
            "slowest headers, CPU ms": round(headers, 2),
            "longest answer, bytes": self.longest,
            "memory growth, MB": round(self.memory[-1] - self.memory[0], 1),
        }


def _milliseconds_to_negotiate(request: SentRequest) -> float:
    began = time.process_time()
    negotiated(request)
    return (time.process_time() - began) * 1000


def _memory() -> float:
    """What this process holds now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6
