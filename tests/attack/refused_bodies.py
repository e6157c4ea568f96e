"""Bodies that are refused must hurt nobody else: python -m tests.attack.refused_bodies [--pairs 1000]

A pair is a request with a body over 64 KiB that is refused, and behind it a good request of another client, through a
real nginx that keeps its connections to gunicorn. Four refusals (413, 404, 405, 415), bodies from 65,537 bytes to 5 MB,
with a length and in chunks, through an nginx that has a body whole first and through one that hands it on at once.
The goal: the good request always gets its own answer, and so does the refused one up to 1 MB.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.servers import gunicorn

from .nginx import Nginx, nginx_before

KEYS = '{"keys": [{"kid": "test", "scheme": "legacy", "secret": "a shared secret of thirty-two b."}]}'
ACTION = "/api/order/cancel"
JSON = {"Content-Type": "application/json"}
TIMEOUT = 30
LONGEST_ANSWERED = 1_000_000
SIZES = (65_537, 70_000, 300_000, LONGEST_ANSWERED, 5_000_000)


@dataclass(frozen=True)
class Refusal:
    """A request that the service refuses, whatever is in its body."""

    status: int
    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()


REFUSALS = (
    Refusal(413, "POST", ACTION),
    Refusal(404, "POST", "/api//order/cancel"),
    Refusal(405, "PUT", ACTION),
    Refusal(415, "POST", ACTION, (("Content-Encoding", "gzip"),)),
)


@dataclass(frozen=True)
class Case:
    """How one refused body is sent."""

    refusal: Refusal
    size: int
    chunked: bool
    streaming: bool


CASES = tuple(itertools.starmap(Case, itertools.product(REFUSALS, SIZES, (False, True), (False, True))))


@dataclass
class Figures:
    """Of the pairs with bodies of one size: how many there were, and what else than the right answer came."""

    pairs: int
    innocent: Counter[str]
    refused: Counter[str]


Connect = Callable[[Case], http.client.HTTPConnection]
"""Gives a connection, not yet open, for each request of a pair."""


def attack(connect: Connect, pairs: int) -> dict[int, Figures]:
    """By size of the refused body."""
    figures = {size: Figures(0, Counter(), Counter()) for size in SIZES}
    for case in itertools.islice(itertools.cycle(CASES), pairs):
        row = figures[case.size]
        row.pairs += 1
        for seen, wanted, answer in (
            (row.refused, case.refusal.status, _send_refused(connect(case), case)),
            (row.innocent, 200, _send_good(connect(case))),
        ):
            if answer != str(wanted):
                seen[answer] += 1
    return figures


def missed(figures: dict[int, Figures]) -> int:
    """How many answers were none of the service, where the goal says that they have to be."""
    innocent = sum(row.innocent.total() for row in figures.values())
    refused = sum(row.refused.total() for size, row in figures.items() if size <= LONGEST_ANSWERED)
    return innocent + refused


def _send_refused(connection: http.client.HTTPConnection, case: Case) -> str:
    refusal = case.refusal
    body = b"x" * case.size
    headers = {**JSON, **dict(refusal.headers)}
    return _answer(connection, refusal.method, refusal.path, _in_chunks(body) if case.chunked else body, headers)


def _in_chunks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 16_384):
        yield body[start : start + 16_384]


def _send_good(connection: http.client.HTTPConnection) -> str:
    return _answer(connection, "POST", ACTION, b"{}", JSON)


def _answer(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | Iterator[bytes],
    headers: dict[str, str],
) -> str:
    """The status of the answer, or the error that came in its place."""
    try:
        connection.request(method, path, body, headers, encode_chunked=not isinstance(body, bytes))
        response = connection.getresponse()
        response.read()
        return str(response.status)
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()


def _shown(counted: Counter[str]) -> str:
    return ", ".join(f"{count} × {answer}" for answer, count in sorted(counted.items())) or "0"


def to_either_port(nginx: Nginx) -> Connect:
    def connect(case: Case) -> http.client.HTTPConnection:
        port = nginx.streaming if case.streaming else nginx.buffering
        return http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)

    return connect


def print_missed(figures: dict[int, Figures]) -> int:
    """Print what was missed, by size; gives how many answers that were."""
    print(f"{'bytes':>9}  {'pairs':>5}  innocent without its answer   refused without its answer")
    for size, row in figures.items():
        print(f"{size:>9,}  {row.pairs:>5}  {_shown(row.innocent):<28}  {_shown(row.refused)}")
    count = missed(figures)
    print(f"{count} answers missed; the goal is 0 (the refused one's own above {LONGEST_ANSWERED:,} bytes not counted)")
    return count


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests.attack.refused_bodies", description=__doc__)
    parser.add_argument("--pairs", type=int, default=1000)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        env = {"REFUND_API_KEYS": KEYS, "REFUND_API_DATABASE_URL": f"sqlite:///{folder}/never-opened.db"}
        with gunicorn("wsgi:app", folder / "gunicorn.log", env) as server, nginx_before(server, folder) as nginx:
            figures = attack(to_either_port(nginx), options.pairs)
    return 1 if print_missed(figures) else 0


if __name__ == "__main__":
    sys.exit(main())
