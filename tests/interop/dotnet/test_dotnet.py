"""A real .NET client (Mono's HttpClient, HttpWebRequest, WebClient and serializers) against real gunicorn.

Needs Debian's Mono packages; `make test-dotnet` says which when they are missing.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from refund_api.domain import CHINA
from refund_api.storage import tables
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.schema import upgrade
from tests.servers import Gunicorn, gunicorn

SECRET = "a shared secret of thirty-two b."
ALICE, BOB = "3288010f-2d18-4900-890e-68025c5c3130", "6f9619ff-8b86-4d11-b42d-00c04fc964ff"
STRANGER = "00000000-0000-4000-8000-000000000000"

CLIENTS = (
    "HttpClient XML",
    "HttpClient JSON",
    "HttpClient chunked XML",
    "HttpClient chunked JSON",
    "HttpClient UTF-16 XML",
    "HttpWebRequest",
    "WebClient",
)

# case -> order (a suffix), ids, key, code, message. `repeat` follows `ok` and asks for the same again.
CASES: dict[str, tuple[str, str, str, int, str]] = {
    "ok": ("far", ALICE, SECRET, 1, "Cancelled"),
    "repeat": ("far", ALICE.upper(), SECRET, 1, "Cancelled"),
    "1001": ("", ALICE, SECRET, 1001, "Invalid request: order_number: missing"),
    "1002": ("far", BOB, "another key", 1002, "Signature rejected"),
    "2001": ("unknown", ALICE, SECRET, 2001, "Order not found"),
    "2002": ("far", STRANGER, SECRET, 2002, "Passenger not in this order"),
    "2003": ("near", ALICE, SECRET, 2003, "Departs within 30 days"),
    "2004": ("far", f"{ALICE},{BOB}", SECRET, 2004, "Already cancelled"),
    "2005": ("ticketed", ALICE, SECRET, 2005, "This order cannot be cancelled"),
}


@dataclass
class Relay:
    """Forwards TCP to the server; counts connections, and requests with `Expect: 100-continue`."""

    port: int
    target: tuple[str, int]
    connections: int = 0
    expected: int = 0
    sockets: list[socket.socket] = field(default_factory=list)


@contextmanager
def relay_to(server: Gunicorn) -> Iterator[Relay]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        relay = Relay(listener.getsockname()[1], (server.host, server.port))
        accepting = threading.Thread(target=_accept, args=(listener, relay))
        accepting.start()
        try:
            yield relay
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for connection in relay.sockets:
                connection.close()


def _accept(listener: socket.socket, relay: Relay) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        relay.connections += 1
        upstream = socket.create_connection(relay.target)
        relay.sockets += [client, upstream]
        for source, sink in ((client, upstream), (upstream, client)):
            threading.Thread(target=_pump, args=(relay, source, sink), daemon=True).start()


def _pump(relay: Relay, source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            relay.expected += data.count(b"\r\nExpect: 100-continue\r\n")
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return


def order_number(client: str, suffix: str) -> str:
    return f"{client} {suffix}" if suffix else ""


def fill(url: str) -> None:
    """For every client an order that can be cancelled, one that departs too soon and one with tickets."""
    now = datetime.now(UTC)
    today = now.astimezone(CHINA).date()
    engine = make_engine(url, threads=1)
    upgrade(engine)
    with engine.begin() as connection:
        for client in CLIENTS:
            for suffix, state, days in (("far", "booked", 60), ("near", "booked", 20), ("ticketed", "ticketed", 60)):
                number = order_number(client, suffix)
                order = {"order_number": number, "train_date": today + timedelta(days=days), "state": state}
                connection.execute(insert(tables.orders).values({**order, "currency": "CNY", "updated_at": now}))
                for passenger_id in (ALICE, BOB):
                    paid = {"order_number": number, "passenger_id": passenger_id, "paid_minor": 55350}
                    connection.execute(insert(tables.passenger).values(paid))
    engine.dispose()


@dataclass(frozen=True)
class Run:
    """What the .NET side read: (client, case) -> [code, message, data]; and how it connected."""

    answers: dict[tuple[str, str], list[str]]
    connections: int
    expected: int


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("mcs") is None or shutil.which("mono") is None:
        pytest.skip("Mono is missing; `make test-dotnet` says what to install")
    return compiled(tmp_path_factory.mktemp("dotnet"))


def compiled(folder: Path) -> Path:
    """RefundClient.exe; it reads a scenario a line."""
    target = folder / "RefundClient.exe"
    references = ("System.Net.Http", "System.Net.Http.Formatting", "System.Runtime.Serialization")
    source = Path(__file__).with_name("RefundClient.cs")
    command = ["mcs", "-warnaserror", f"-out:{target}", *(f"-r:{name}" for name in references), str(source)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return target


def scenarios() -> str:
    """Every case for every client, a line each."""
    lines = [
        "\t".join([client, case, order_number(client, suffix), ids, "行程有变 <&> change", str(10000 + number), key])
        for number, (client, case) in enumerate((client, case) for client in CLIENTS for case in CASES)
        for suffix, ids, key, _, _ in [CASES[case]]
    ]
    return "\n".join(lines) + "\n"


def answers_of(program: Path, url: str, env: Mapping[str, str] | None = None) -> dict[tuple[str, str], list[str]]:
    """What the .NET side read: (client, case) -> [code, message, data]."""
    done = subprocess.run(
        ["mono", str(program), url],
        input=scenarios(),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={**os.environ, **(env or {})},
    )
    return {(f[0], f[1]): f[2:] for f in (line.split("\t") for line in done.stdout.splitlines())}


def settings(url: str) -> dict[str, str]:
    """Of a service on this database, for its environment."""
    keys = json.dumps({"keys": [{"kid": "dotnet", "scheme": "legacy", "secret": SECRET}]})
    return {"REFUND_API_DATABASE_URL": url, "REFUND_API_KEYS": keys}


@pytest.fixture(scope="module")
def run(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("service")
    url = f"sqlite:///{folder}/refunds.db"
    fill(url)
    with gunicorn("wsgi:app", folder / "gunicorn.log", settings(url)) as server, relay_to(server) as relay:
        answers = answers_of(program, f"http://127.0.0.1:{relay.port}/api/order/cancel")
    return Run(answers, relay.connections, relay.expected)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_dotnet_client_reads_the_outcome(run: Run, client: str, case: str) -> None:
    _, _, _, code, message = CASES[case]
    assert run.answers[client, case][:2] == [str(code), message]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_dotnet_client_gets_the_same_number_for_a_repeat_and_no_number_for_a_refusal(run: Run, client: str) -> None:
    number = run.answers[client, "ok"][2]
    assert len(number) == 36
    assert run.answers[client, "repeat"][2] == number
    assert {run.answers[client, case][2] for case in CASES if case not in ("ok", "repeat")} == {"(null)"}


def test_connections_are_kept_alive_across_requests_and_formats(run: Run) -> None:
    assert len(run.answers) == len(CLIENTS) * len(CASES)
    assert run.connections < len(CLIENTS) * 3


def test_two_of_the_clients_wait_for_100_continue_before_they_send_a_body(run: Run) -> None:
    assert run.expected == 2 * len(CASES), "HttpWebRequest and WebClient, by default"
