"""Part "cancels": the whole job over HTTP, on both engines, beside the same statements by hand.

Each request cancels another order and must be answered with code 1. Every contender has a database of its own with the
same orders; afterwards each database must hold the refunds that were answered, and its audit must be clean.
"""

from __future__ import annotations

import math
import statistics
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.calls import PATH
from benchmarks.effort import Effort
from benchmarks.http_calls import HEADERS, KEYS
from benchmarks.load import COLUMNS, Load, load, load_in_turn, rows
from benchmarks.measure import Goal
from benchmarks.orders import DATABASES, write_requests
from benchmarks.results import Report, Table
from benchmarks.round_trips import round_trips
from benchmarks.servers import WORKERS, Command, Server, all_running, gunicorn, uvicorn
from refund_api.storage.audit import audit
from tests.chaos.arrivals import over_http, sending
from tests.chaos.report import progress

CONNECTIONS: Final = (1, 4, 16, 64)
SERVICE: Final = "service"
BY_HAND: Final = "by hand, bare Flask view"
PIPELINED: Final = "by hand, pipelined, bare Flask view"
FASTAPI: Final = "FastAPI + pydantic-xml, by hand"
CONTENDERS: Final = {
    "postgres": (SERVICE, BY_HAND, PIPELINED, FASTAPI),
    "sqlite": (SERVICE, BY_HAND, FASTAPI),
}
GOALS: Final = {"postgres": 0.9, "sqlite": 0.8}
"""How many of the requests by hand the service must do."""
MOST_PER_SECOND: Final = {"postgres": 600 * WORKERS, "sqlite": 1000}
"""More than any contender does, so that the orders last."""
PACED_SECONDS: Final = 5
PACED_ROUNDS: Final = 3
"""A disk that stalls once, for a third of a second, delays more than one request in a hundred of a round."""


@dataclass(frozen=True)
class Paced:
    """Requests at half of the capacity; milliseconds, and how many answers had another code than 1."""

    per_second: float
    p50: float
    p99: float
    longest: float
    wrong: int


class Requests:
    """The file of signed requests, and how many each contender has sent of it."""

    def __init__(self, path: Path, count: int) -> None:
        self.path = path
        self._used: dict[str, int] = {}
        write_requests(path, count)

    def load(self, name: str, server: Server, connections: int, seconds: int) -> Load:
        used = self._used.get(name, 0)
        done = load(server, connections, seconds, self.path, skip=used)
        self._used[name] = used + done.sent
        return done

    def take(self, name: str, count: int) -> list[bytes]:
        """The next requests, for another client than wrk."""
        used = self._used.get(name, 0)
        self._used[name] = used + count
        with self.path.open("rb") as file:
            lines = [line.rstrip(b"\n") for number, line in enumerate(file) if used <= number < used + count]
        assert len(lines) == count, "there are not enough requests"
        return lines


def commands(urls: Mapping[str, str]) -> dict[str, Command]:
    """How each contender is started, on its own database."""
    env = {"REFUND_API_KEYS": KEYS, "REFUND_API_TOLERANCE_SECONDS": "86400"}
    envs = {name: {**env, "REFUND_API_DATABASE_URL": url} for name, url in urls.items()}
    by_hand = "benchmarks.peers.flask_cancels:make_app"
    makers = {
        SERVICE: partial(gunicorn, "wsgi:app"),
        BY_HAND: partial(gunicorn, f"{by_hand}()"),
        PIPELINED: partial(gunicorn, f"{by_hand}(pipelined=True)"),
        FASTAPI: partial(uvicorn, "benchmarks.peers.fastapi_cancels:make_app"),
    }
    return {name: makers[name](env) for name, env in envs.items()}


def measure(effort: Effort) -> Report:
    tables, goals = [], []
    for engine in DATABASES:
        progress(f"{engine}: filling the ledgers")
        loads, paced = measure_engine(engine, effort)
        for connections, by_name in loads.items():
            title = f"{engine}, {connections} connection{'s' if connections > 1 else ''}"
            tables.append(Table(title, COLUMNS, rows(by_name), drawn=COLUMNS[1]))
            goals += _goals(engine, title, by_name)
        columns = ("", "requests/s", "p50 ms", "p99 ms", "longest ms")
        paced_rows = tuple(
            (f"{SERVICE}, round {number}", each.per_second, each.p50, each.p99, each.longest)
            for number, each in enumerate(paced, 1)
        )
        tables.append(Table(f"{engine}, at half of the capacity", columns, paced_rows, drawn="p99 ms"))
        ratio = statistics.median(each.p99 / each.p50 for each in paced)
        goals.append(Goal(f"p99 at half of the capacity, times p50, {engine}", ratio, 5.0))
        wrong = sum(each.wrong for each in paced) + sum(
            load.wrong for by_name in loads.values() for load in by_name.values()
        )
        goals.append(Goal(f"answers of another code than 1, {engine}", wrong, 0))
    trips = round_trips()
    tables.append(Table("Round trips to PostgreSQL a cancel", ("", "round trips"), tuple(trips.items()), "round trips"))
    goals.append(Goal("round trips to PostgreSQL a cancel", trips["service"], 6))
    return Report("cancels", tuple(tables), tuple(goals), NOTES)


def _goals(engine: str, title: str, loads: Mapping[str, Load]) -> list[Goal]:
    service = loads[SERVICE].per_second
    return [
        Goal(f"cancels/s, times by hand, {title}", service / loads[BY_HAND].per_second, GOALS[engine], at_least=True),
        Goal(f"cancels/s, times FastAPI, {title}", service / loads[FASTAPI].per_second, 1.0, at_least=True),
    ]


def measure_engine(engine: str, effort: Effort) -> tuple[dict[int, dict[str, Load]], list[Paced]]:
    """Loads by connections and contender; and rounds of the service at half of its capacity."""
    seconds = 1 + effort.seconds * effort.rounds * len(CONNECTIONS) + PACED_SECONDS * PACED_ROUNDS
    count = MOST_PER_SECOND[engine] * seconds
    names = CONTENDERS[engine]
    with tempfile.TemporaryDirectory(prefix="bench-cancels-") as directory:
        folder = Path(directory)
        with DATABASES[engine](names, count, folder) as urls:
            requests = Requests(folder / "requests", count)
            with all_running(commands(urls), folder) as servers:
                check(requests, servers)
                for name, server in servers.items():
                    requests.load(name, server, 64, 1)  # threads and connections are made, statements prepared
                loads = {count: _at_once(requests, servers, count, effort) for count in CONNECTIONS}
                capacity = max(by_name[SERVICE].per_second for by_name in loads.values())
                paced = [at_half(requests, servers[SERVICE], capacity) for _ in range(PACED_ROUNDS)]
            for name in names:
                under_load = [(connections, by_name[name]) for connections, by_name in loads.items()]
                answered = sum(done.sent - done.wrong - effort.rounds * connections for connections, done in under_load)
                check_ledger(name, urls[name], answered)
    return loads, paced


def _at_once(requests: Requests, servers: Mapping[str, Server], connections: int, effort: Effort) -> dict[str, Load]:
    def one_round(name: str) -> Load:
        return requests.load(name, servers[name], connections, effort.seconds)

    return load_in_turn(list(servers), effort.rounds, one_round)


def check(requests: Requests, servers: Mapping[str, Server]) -> None:
    """AssertionError: a contender does not answer as the service does, but for the number of the refund."""
    for name, server in servers.items():
        (body,) = requests.take(name, 1)
        status, headers, content = server.post(PATH, body, HEADERS)
        assert status == 200 and b"<code>1</code>" in content and b"Cancelled" in content, (name, status, content)
        assert headers["content-type"] == HEADERS["Content-Type"], (name, headers)


def at_half(requests: Requests, server: Server, capacity: float) -> Paced:
    """Requests at half of the capacity, each on its own connection, whether those before are answered or not."""
    rate = capacity / 2
    bodies = requests.take(SERVICE, round(rate * PACED_SECONDS))
    sent = [over_http("cancel", PATH, HEADERS["Content-Type"], body) for body in bodies]
    progress("at half of the capacity")
    with sending(server) as arrivals:  # type: ignore[arg-type]  # it needs no more than host and port
        answers = arrivals.come(sent.__getitem__, rate, PACED_SECONDS).result()
    times = sorted(1000 * answer.seconds for answer in answers)
    p50, p99 = (times[math.ceil(share * len(times)) - 1] for share in (0.5, 0.99))
    return Paced(rate, p50, p99, times[-1], sum(answer.code != 1 for answer in answers))


def check_ledger(name: str, url: str, answered: int) -> None:
    """AssertionError: fewer refunds than answers, or a violation."""
    progress(f"audit: {name}")
    report = audit(url)
    violations = [finding for finding in report.findings if finding.count]
    assert not violations and report.refunds >= answered, (name, violations, report.refunds, answered)


NOTES: Final = (
    "wrk on the same cores; medians of rounds in turn; an order of two passengers is closed by each request. "
    "PostgreSQL writes to its disk at COMMIT (fsync), SQLite with the journal of the service. By hand, the view reads "
    "the XML with lxml, checks no signature and no shape, and sends the statements of the service one after the other "
    "through the driver alone; pipelined, it sends together what needs no answer, which is the limit and has no goal. "
    "FastAPI reads with pydantic-xml, checks the signature, and sends the same statements. "
    "Both have as many connections to the database as the service, on SQLite one a worker; neither repeats a "
    "transaction, ends a wait, or writes a log line.",
)
