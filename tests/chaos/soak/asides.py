"""What else comes while clients cancel: requests that are refused, and the pages of operators.

None of them may change the ledger, and for each it is known what it must be answered.
"""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from tests.chaos.client import make_request
from tests.nginx.asking import PATH
from tests.nginx.restarts import Node
from tests.nginx.site import Site
from tests.servers import Server
from tests.world import ALICE

RATE = 10  # a second
_TIMEOUT = 20.0
_JSON = "application/json"


@dataclass(frozen=True)
class Aside:
    """A request, and the answers that are right: the code of an ApiResult, else the HTTP status; `none` is a node away."""

    method: str
    path: str
    right: frozenset[str]
    content_type: str = _JSON
    body: bytes | None = None


def unknown_order() -> Aside:
    """Signed anew each time, in a format of chance."""
    request = make_request("NO-SUCH-ORDER", [ALICE])
    return Aside("POST", PATH, frozenset({"2001", "3001"}), request.content_type, request.body)


def _always(aside: Aside) -> Callable[[], Aside]:
    return lambda: aside


THROUGH_THE_SITE: tuple[Callable[[], Aside], ...] = (
    _always(Aside("POST", PATH, frozenset({"1001"}), body=b"{}")),
    _always(Aside("POST", PATH, frozenset({"1001"}), "application/xml", b"<Other/>")),
    _always(Aside("POST", PATH, frozenset({"1001"}), "application/x-www-form-urlencoded", b"sign=none")),
    unknown_order,
    _always(Aside("GET", PATH, frozenset({"405"}))),
    _always(Aside("POST", PATH, frozenset({"415"}), "text/plain", b"text")),
    _always(Aside("POST", PATH, frozenset({"413"}), body=b" " * 70_000)),
    _always(Aside("POST", "/nowhere", frozenset({"404"}), body=b"{}")),
    _always(Aside("GET", "/healthz", frozenset({"404"}))),
)
OF_OPERATORS: tuple[Aside, ...] = (
    Aside("GET", "/healthz", frozenset({"200"})),
    Aside("GET", "/readyz", frozenset({"200", "503"})),
    Aside("GET", "/metrics", frozenset({"200"})),
)


class Asides:
    """Asks in a thread of its own from `with` to its end; `answers` counts kinds, `wrong` has those that are not right."""

    def __init__(self, site: Site, struck: Node, steady: Node) -> None:
        self.answers: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="asides")
        pages = [(node, aside, away) for aside in OF_OPERATORS for node, away in ((steady, set()), (struck, {"none"}))]
        asked: list[tuple[Server, Callable[[], Aside], set[str]]] = [(site, make, set()) for make in THROUGH_THE_SITE]
        asked += [(_Direct(node), _always(aside), away) for node, aside, away in pages]
        self._asked = itertools.cycle(asked)

    def __enter__(self) -> Asides:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(1 / RATE):
            server, make, may_be_away = next(self._asked)
            aside = make()
            began = time.monotonic()
            answer = _answer(server, aside)
            self.answers[answer] += 1
            if answer not in aside.right | may_be_away:
                waited = time.monotonic() - began
                self.wrong.append(f"{aside.method} {aside.path} of {aside.content_type}: {answer} after {waited:.1f} s")


@dataclass(frozen=True)
class _Direct:
    """The own port of a node, on which nothing stands between."""

    node: Node

    def connection(self, timeout: float) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.node.port, timeout=timeout)


def _answer(server: Server, aside: Aside) -> str:
    connection = server.connection(_TIMEOUT)
    try:
        headers = {"Content-Type": aside.content_type, "Accept": _JSON}
        connection.request(aside.method, aside.path, aside.body, headers)
        response = connection.getresponse()
        content = response.read()
    except (OSError, http.client.HTTPException):
        return "none"
    finally:
        connection.close()
    try:
        return str(json.loads(content)["code"])
    except (ValueError, KeyError, TypeError):
        return str(response.status)
