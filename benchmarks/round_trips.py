"""How often a cancellation waits for PostgreSQL: counted on the wire, by a relay before the server's socket."""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Final

from sqlalchemy.engine import make_url

from benchmarks.orders import fill, request_of, service_on
from benchmarks.peers.by_hand import Ledger, read_asked
from refund_api.context import RequestContext
from tests.postgres import fresh_database, own_server
from xml_contracts.reading import Reading

_SOCKET: Final = ".s.PGSQL.5432"
_WARM: Final = 10  # cancellations before the counted one: psycopg prepares what comes for the sixth time


class Relay:
    """Passes on the bytes of every connection; `trips` counts how often a client spoke after the server had."""

    def __init__(self, listener: socket.socket, server: str) -> None:
        self.trips = 0
        self._listener = listener
        self._server = server

    def serve(self) -> None:
        """Until the listener is shut down."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._server)
            state = {"asked": False}
            for arguments in ((client, server, state, True), (server, client, state, False)):
                threading.Thread(target=self._pass_on, args=arguments, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, state: dict[str, bool], asks: bool) -> None:
        with source, suppress(OSError):  # the other direction may have ended first
            while data := source.recv(65536):
                if asks and not state["asked"]:
                    self.trips += 1
                state["asked"] = asks
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@contextmanager
def relayed(url: str) -> Iterator[tuple[str, Relay]]:
    """The URL of the same database behind a relay."""
    parsed = make_url(url)
    with tempfile.TemporaryDirectory(prefix="relay") as directory, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{directory}/{_SOCKET}")
        listener.listen()
        relay = Relay(listener, f"{parsed.query['host']}/{_SOCKET}")
        accepting = threading.Thread(target=relay.serve)
        accepting.start()
        try:
            yield parsed.set(query={"host": directory}).render_as_string(hide_password=False), relay
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # wakes accept(), which closing would not
            accepting.join()


def round_trips() -> dict[str, int]:
    """Of one cancellation that closes its order: by the service, by hand, and by hand as few as there can be."""
    counted = {}
    for name, ledger_on in LEDGERS.items():
        with own_server() as server, fresh_database(server) as url, relayed(url) as (behind_relay, relay):
            fill(url, _WARM + 1)
            with ledger_on(behind_relay) as cancel:
                for number in range(1, _WARM + 1):
                    cancel(number)
                before = relay.trips
                cancel(_WARM + 1)
                counted[name] = relay.trips - before
    return counted


@contextmanager
def _by_the_service(url: str) -> Iterator[Callable[[int], None]]:
    with service_on(url) as handler:

        def cancel(number: int) -> None:
            now = datetime.now(UTC)
            outcome = handler(Reading(request_of(number, now)), RequestContext("bench", "127.0.0.1", now, ""))
            assert outcome.result.code == 1, outcome

        yield cancel


@contextmanager
def _by_hand(url: str, *, pipelined: bool = False) -> Iterator[Callable[[int], None]]:
    with closing(Ledger(url, pipelined=pipelined)) as ledger:

        def cancel(number: int) -> None:
            now = datetime.now(UTC)
            ledger.cancel(read_asked(asdict(request_of(number, now)), b""), now)

        yield cancel


LEDGERS: dict[str, Callable[[str], AbstractContextManager[Callable[[int], None]]]] = {
    "service": _by_the_service,
    "by hand": _by_hand,
    "by hand, pipelined": partial(_by_hand, pipelined=True),
}
