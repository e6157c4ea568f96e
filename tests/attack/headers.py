"""No header costs the application more than two milliseconds: python -m tests.attack.headers [--worst 10]

Every header that something in the application reads is filled with every pattern, as far as gunicorn lets it through: fifty
lines of 8,190 bytes, joined by commas, or one line where gunicorn takes only one. Each is also sent at the length that is
just still read. Each request is answered with 200, 404, 405 and 415. Measured is the CPU time of the application alone.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from app import create_app
from tests.conformance import Recorder, environ_of

GOAL_MS = 2.0
LINES, LINE = 50, 8_170
STILL_READ = 512
ROUNDS = 5
ACTION = "/api/order/cancel"

ONE_LINE = ("CONTENT_TYPE", "HTTP_HOST")
JOINED = (
    "HTTP_ACCEPT",
    "HTTP_ACCEPT_CHARSET",
    "HTTP_X_REQUESTED_WITH",
    "HTTP_CONNECTION",
    "HTTP_UPGRADE",
    "HTTP_CONTENT_ENCODING",
    "HTTP_X_REQUEST_ID",
    "HTTP_COOKIE",
    "HTTP_AUTHORIZATION",
    "HTTP_ORIGIN",
    "HTTP_TRACEPARENT",
    "HTTP_X_UNKNOWN",
)
PATTERNS = (
    "a/a,",
    "*/*,",
    "a/a;q=0.5,",
    'a/b;c="x",',
    'a/b;c="x" y,',
    "a/b;c;d;e;f=g,",
    "x;q=0.1,",
    "utf-8,",
    ",",
    ";",
    " ",
    '"',
    "\\",
    "%",
    "\xff",
)
EVERYTHING = {"HTTP_ACCEPT": "a/a,", "HTTP_ACCEPT_CHARSET": "x;q=0.1,", "CONTENT_TYPE": "a/b;c;d;e;f=g"}
REQUESTS = {"200": ("POST", ACTION), "404": ("POST", "/nowhere"), "405": ("PUT", ACTION), "415": ("POST", ACTION)}


class Cost(NamedTuple):
    """The least CPU time of some rounds, and for what."""

    milliseconds: float
    status: str
    headers: str
    characters: int


def measured() -> Iterator[Cost]:
    """One for each request of `_requests`."""
    app: Any = create_app(handler=Recorder())
    for kind, name, headers in _requests():
        method, path = REQUESTS[kind]
        sent = {"CONTENT_TYPE": "text/plain" if kind == "415" else "application/json"} | headers
        request = {"method": method, "path": path, "headers": [], "body": {"text": "{}"}}
        costs = []
        for _ in range(ROUNDS):
            status: list[str] = []
            environ = environ_of(request) | sent
            start = time.process_time()
            b"".join(app(environ, lambda line, *_, status=status: status.append(line[:3])))
            costs.append((time.process_time() - start) * 1000)
        yield Cost(min(costs), status[0], name, sum(map(len, headers.values())))


def _requests() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Kind of the request, what its headers are called in the table, headers."""
    for kind in REQUESTS:
        for name, pattern in itertools.product((*ONE_LINE, *JOINED), PATTERNS):
            line = pattern * (LINE // len(pattern))
            whole = line if name in ONE_LINE else ",".join([line] * LINES)
            for value in (whole, line[:STILL_READ]):
                yield kind, f"{name} of {pattern!r}", {name: value}
        yield kind, "all at once", {name: (pattern * STILL_READ)[:STILL_READ] for name, pattern in EVERYTHING.items()}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests.attack.headers", description=__doc__)
    parser.add_argument("--worst", type=int, default=10, help="how many lines to print")
    options = parser.parse_args(arguments)
    costs = sorted(measured(), reverse=True)
    print(f"{'CPU ms':>8}  {'status':<6}  {'characters':>10}  header")
    for cost in costs[: options.worst]:
        print(f"{cost.milliseconds:>8.2f}  {cost.status:<6}  {cost.characters:>10,}  {cost.headers}")
    over = sum(cost.milliseconds > GOAL_MS for cost in costs)
    print(f"{over} of {len(costs)} requests over {GOAL_MS} ms; the goal is 0")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
