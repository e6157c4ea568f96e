"""How often a cancellation waits for PostgreSQL: counted on the wire, by a relay before the server's socket."""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

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
        """Until the listener is closed."""
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
        while data := source.recv(65536):
            if asks and not state["asked"]:
                self.trips += 1
            state["asked"] = asks
            target.sendall(data)
        target.close()


@contextmanager
def relayed(url: str) -> Iterator[tuple[str, Relay]]:
    """The URL of the same database behind a relay."""
    parsed = make_url(url)
    with tempfile.TemporaryDirectory(prefix="relay") as directory, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{directory}/{_SOCKET}")
        listener.listen()
        relay = Relay(listener, f"{parsed.query['host']}/{_SOCKET}")
        threading.Thread(target=relay.serve, daemon=True).start()
        yield parsed.set(query={"host": directory}).render_as_string(hide_password=False), relay


def round_trips() -> dict[str, int]:
    """Of one cancellation that closes its order: by the service, and by hand."""
    counted = {}
    for name, make in (("service", _by_the_service), ("by hand", _by_hand)):
        with own_server() as server, fresh_database(server) as url, relayed(url) as (behind_relay, relay):
            fill(url, _WARM + 1)
            cancel = make(behind_relay)
            for number in range(1, _WARM + 1):
                cancel(number)
            before = relay.trips
            cancel(_WARM + 1)
            counted[name] = relay.trips - before
    return counted


def _by_the_service(url: str) -> Callable[[int], None]:
    handler = service_on(url)

    def cancel(number: int) -> None:
        now = datetime.now(UTC)
        outcome = handler(Reading(request_of(number, now)), RequestContext("bench", "127.0.0.1", now, ""))
        assert outcome.result.code == 1, outcome

    return cancel


def _by_hand(url: str) -> Callable[[int], None]:
    ledger = Ledger(url)

    def cancel(number: int) -> None:
        now = datetime.now(UTC)
        request = request_of(number, now)
        names = ("terminal", "time_stamp", "random", "order_number", "refund_passanger_ids", "refund_reason")
        members: dict[str, Any] = {name: getattr(request, name) for name in names}
        ledger.cancel(read_asked(members, b""), now)

    return cancel
