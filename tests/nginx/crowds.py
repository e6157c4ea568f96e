"""Crowds that would stop a service without a proxy: python -m tests.nginx.crowds [--flood 2000] [--slow 500] [--held 60]

In each case good requests of other addresses go on, one after the other, and all must be answered by the service.
- flood: one address sends as fast as it can. It gets answers and refusals (429), each in the shape of the service.
- slow: sockets that send nothing, half their headers, or half their body, one byte a second. nginx keeps them all to
  itself, and refuses none of the others.
- held: clients that have their answer, were told that the connection closes, and leave it open.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import ssl
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.attack.refused_bodies import KEYS
from tests.servers import gunicorn

from .asking import JSON, PATH, Answer, ask, read_answer
from .site import TIMEOUT, Site, running_site

GOOD = 100
FLOODING = 8  # connections of the flooding address, one request at a time on each
FLOODER = "127.0.2.1"
LONGEST_GOOD = 5.0  # seconds; an order of magnitude, so that a busy machine is no failure
TOO_MANY = b'{"Message":"There were too many requests from this address."}'

NOTHING = b""
HALF_HEADERS = b"POST %s HTTP/1.1\r\nHost: localhost\r\nX: " % PATH.encode()
HALF_BODY = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n{" % PATH.encode()
WHOLE = (
    b"POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}" % PATH.encode()
)


@dataclass(frozen=True)
class Good:
    """The good requests: how many of them got another answer than 200, and the longest wait in seconds."""

    failed: int
    longest: float

    @property
    def missed(self) -> bool:
        return bool(self.failed) or self.longest > LONGEST_GOOD


def good_requests(site: Site, count: int = GOOD) -> Good:
    """One after the other, each from an address of its own."""
    waits, failed = [], 0
    for _ in range(count):
        began = time.monotonic()
        try:
            failed += ask(site).status != 200
        except OSError:
            failed += 1
        waits.append(time.monotonic() - began)
    return Good(failed, max(waits))


def flood(site: Site, count: int) -> tuple[Counter[str], Good]:
    """What the flooding address got, by status and whether its shape was right; and the good requests beside it."""
    with ThreadPoolExecutor(FLOODING + 1) as pool:
        beside = pool.submit(good_requests, site)
        counted = pool.map(lambda _: _flood_on_one_connection(site, count // FLOODING), range(FLOODING))
        return sum(counted, Counter[str]()), beside.result()


def _flood_on_one_connection(site: Site, count: int) -> Counter[str]:
    connection = site.connection(TIMEOUT, source=FLOODER)
    seen: Counter[str] = Counter()
    for _ in range(count):
        connection.request("POST", PATH, b"{}", JSON)
        response = connection.getresponse()
        seen[_kind(Answer(response.status, dict(response.getheaders()), response.read()))] += 1
    connection.close()
    return seen


def _kind(answer: Answer) -> str:
    if answer.status == 429:
        right = (answer.content, answer.headers.get("Retry-After")) == (TOO_MANY, "2")
        return "429" if right else "429 of another shape"
    return str(answer.status)


def besieged(site: Site, slow: int, held: int) -> Good:
    """Good requests while so many sockets are slow, and so many clients do not close theirs."""
    kinds = (NOTHING, HALF_HEADERS, HALF_BODY)
    sockets: list[ssl.SSLSocket] = []
    with ExitStack() as open_sockets:
        for number in range(held):
            connection = open_sockets.enter_context(tls_socket(site, f"127.0.4.{number + 1}"))
            connection.sendall(WHOLE)
            assert read_answer(connection).status == 200
        open_sockets.enter_context(dripping(sockets))
        for number in range(slow):
            connection = open_sockets.enter_context(tls_socket(site, f"127.0.3.{number % 200 + 1}"))
            connection.sendall(kinds[number % len(kinds)])
            sockets.append(connection)
        return good_requests(site)


def tls_socket(site: Site, source: str) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", site.port), timeout=TIMEOUT, source_address=(source, 0))
    return site.context.wrap_socket(plain, server_hostname="localhost")


@contextmanager
def dripping(sockets: list[ssl.SSLSocket]) -> Iterator[None]:
    """Within this a byte goes out every second on each socket of a list that may grow; nginx may have closed some."""
    ending = threading.Event()

    def drip() -> None:
        while not ending.wait(1):
            for connection in list(sockets):
                with contextlib.suppress(OSError):
                    connection.send(b"a")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


@contextmanager
def service(folder: Path) -> Iterator[Site]:
    """The site before one node, for requests that need no database."""
    env = {"REFUND_API_KEYS": KEYS, "REFUND_API_DATABASE_URL": f"sqlite:///{folder}/never-opened.db"}
    with (
        gunicorn("wsgi:app", folder / "gunicorn.log", env) as node,
        running_site(folder / "site", [node.address]) as site,
    ):
        yield site


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.nginx.crowds", description=__doc__)
    parser.add_argument("--flood", type=int, default=2000, help="requests of one address; default %(default)s")
    parser.add_argument("--slow", type=int, default=500, help="sockets; default %(default)s")
    parser.add_argument("--held", type=int, default=60, help="sockets; default %(default)s")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name, service(Path(name)) as site:
        flooded, beside_flood = flood(site, options.flood)
        beside_crowd = besieged(site, options.slow, options.held)
    print("flood:", ", ".join(f"{times} × {kind}" for kind, times in sorted(flooded.items())))
    for title, good in (("flood", beside_flood), (f"{options.slow} slow, {options.held} held", beside_crowd)):
        print(f"good requests beside {title}: {good.failed} of {GOOD} failed, longest {good.longest:.2f} s")
    print(f"the goal is 0 failed, none over {LONGEST_GOOD:.0f} s; the flood gets 200 and 429 alone, and some of both")
    return 1 if flooded.keys() != {"200", "429"} or beside_flood.missed or beside_crowd.missed else 0


if __name__ == "__main__":
    sys.exit(main())
