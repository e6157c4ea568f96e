"""Part "http": requests without a database over loopback: the service, bare Flask, FastAPI, ASP.NET Web API on Mono.

All servers in Python have a worker a core; Mono has one process with threads. All get the same XML request and answer
in XML. What each of them leaves out is said where it is made (wsgi_targets.py, peers/).
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from benchmarks.calls import PATH
from benchmarks.effort import Effort
from benchmarks.load import COLUMNS, Load, load, load_in_turn, rows
from benchmarks.measure import Goal
from benchmarks.results import Report, Table
from benchmarks.samples import REQUEST_XML, SECRET
from benchmarks.servers import PORT, Command, Server, all_running, gunicorn, uvicorn

CONNECTIONS: Final = (1, 16)
SERVICE: Final = "service, ledger in memory"
BARE_FLASK: Final = "bare Flask view"
BARE_WSGI: Final = "gunicorn alone"
FASTAPI: Final = "FastAPI + pydantic-xml"
BARE_FASTAPI: Final = "bare FastAPI view"
BARE_ASGI: Final = "uvicorn alone"
MONO: Final = "ASP.NET Web API on Mono"

HEADERS: Final = {"Content-Type": "application/xml; charset=utf-8", "Accept": "application/xml"}
KEYS: Final = json.dumps({"keys": [{"kid": "bench", "scheme": "legacy", "secret": SECRET.decode()}]})
_REFERENCES: Final = ("System.Web.Http.dll", "System.Net.Http.dll", "System.Runtime.Serialization.dll")


def commands(folder: Path) -> dict[str, Command]:
    """How each contender is started; the C# one is compiled into the folder."""
    env = {"REFUND_API_KEYS": KEYS, "REFUND_API_DATABASE_URL": f"sqlite:///{folder}/never-opened.db"}
    peers = "benchmarks.peers.fastapi_views"
    return {
        SERVICE: gunicorn("benchmarks.wsgi_targets:make_service()", env),
        BARE_FLASK: gunicorn("benchmarks.wsgi_targets:make_bare_view()", env),
        BARE_WSGI: gunicorn("benchmarks.wsgi_targets:make_bare_wsgi()", env),
        FASTAPI: uvicorn(f"{peers}:make_app", {}),
        BARE_FASTAPI: uvicorn(f"{peers}:make_bare_view", {}),
        BARE_ASGI: uvicorn(f"{peers}:make_bare_asgi", {}),
        MONO: Command(["mono", compile_mono(folder), PORT, SECRET.decode()]),
    }


def compile_mono(folder: Path) -> str:
    program, source = folder / "WebApi.exe", Path(__file__).parent / "peers" / "WebApi.cs"
    subprocess.run(["mcs", f"-out:{program}", *(f"-r:{name}" for name in _REFERENCES), source], check=True)
    return str(program)


def check(servers: Mapping[str, Server]) -> None:
    """AssertionError: a contender does not answer as the service does, but for the number of the refund."""
    for name, server in servers.items():
        status, headers, content = server.post(PATH, REQUEST_XML, HEADERS)
        assert status == 200 and b"<code>1</code>" in content and b"Cancelled" in content, (name, status, content)
        assert headers["content-type"] == HEADERS["Content-Type"], (name, headers)


def measure(effort: Effort) -> Report:
    with tempfile.TemporaryDirectory(prefix="bench-http-") as directory:
        folder = Path(directory)
        body = folder / "request.xml"
        body.write_bytes(REQUEST_XML)
        with all_running(commands(folder), folder) as servers:
            check(servers)
            for server in servers.values():
                load(server, 16, 1, body)  # Mono compiles, pools of threads grow
            results = {count: _at_once(servers, count, effort, body) for count in CONNECTIONS}
    return report(results)


def _at_once(servers: Mapping[str, Server], connections: int, effort: Effort, body: Path) -> dict[str, Load]:
    def one_round(name: str) -> Load:
        return load(servers[name], connections, effort.seconds, body)

    return load_in_turn(list(servers), effort.rounds, one_round)


def report(results: Mapping[int, Mapping[str, Load]]) -> Report:
    tables = [Table(_at(connections), COLUMNS, rows(loads), drawn=COLUMNS[1]) for connections, loads in results.items()]
    goals = []
    for connections, loads in results.items():
        ratio = loads[SERVICE].per_second / loads[BARE_FLASK].per_second
        goals.append(Goal(f"requests/s, times bare Flask, {_at(connections)}", ratio, 0.8, at_least=True))
        processor = loads[SERVICE].processor / loads[MONO].processor
        goals.append(Goal(f"processor time, times Mono's, {_at(connections)}", processor, 1.0))
    return Report("http", (*tables, parts(results[16])), tuple(goals), NOTES)


def parts(loads: Mapping[str, Load]) -> Table:
    """Where the distance to FastAPI comes from: processor time of a request, taken apart by leaving out."""
    chains = ((BARE_WSGI, BARE_FLASK, SERVICE), (BARE_ASGI, BARE_FASTAPI, FASTAPI))
    ours, theirs = ([1000 * loads[name].processor for name in chain] for chain in chains)
    names = (
        "server: gunicorn, uvicorn",
        "framework: Flask, FastAPI",
        "the rest: codec, signature, decision, log, metrics",
    )
    table_rows = [
        (name, mine, other, mine - other) for name, mine, other in zip(names, _steps(ours), _steps(theirs), strict=True)
    ]
    table_rows.append(("whole request", ours[2], theirs[2], ours[2] - theirs[2]))
    return Table(
        "The distance to FastAPI by parts, 16 connections",
        ("", "service, µs CPU", "FastAPI, µs CPU", "difference"),
        tuple(table_rows),
        drawn="service, µs CPU",
    )


def _steps(whole: list[float]) -> list[float]:
    return [whole[0], whole[1] - whole[0], whole[2] - whole[1]]


def _at(connections: int) -> str:
    return f"{connections} connection{'s' if connections > 1 else ''}"


NOTES: Final = (
    "wrk on the same cores; medians of rounds in turn. Processor time is that of all processes of a server. "
    "The service writes a log line an answer and counts it for its metrics; FastAPI and Mono do neither. "
    "FastAPI and Mono check the signature (Mono not the time stamp), and have no ledger and no nonce.",
)
