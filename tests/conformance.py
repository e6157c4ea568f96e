"""Replay recorded request/answer vectors through the WSGI application: python -m tests.conformance DIR [DIR…]

The handler records what it is given and answers what the vector says; nothing between the wire and it is faked.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from refund_api.context import RequestContext
from xml_contracts.reading import Reading
from xml_contracts.refund import ApiResult, TicketRefundRequest

Vector = dict[str, Any]
WsgiApp = Callable[..., Iterable[bytes]]

MEMBERS = ("order_number", "refund_passanger_ids", "refund_reason", "terminal", "time_stamp", "random", "sign")


@dataclass
class Recorder:
    """The handler: keeps what it saw, returns what it was told to."""

    answer: ApiResult = field(default_factory=ApiResult)
    seen: list[Reading[TicketRefundRequest]] = field(default_factory=list)

    def __call__(self, reading: Reading[TicketRefundRequest], context: RequestContext) -> ApiResult:
        self.seen.append(reading)
        return self.answer


@dataclass(frozen=True)
class Failure:
    """A vector that did not come out, and how it differs from the nearest outcome that would do."""

    id: str
    group: str
    differences: list[str]


def read_vectors(directories: Iterable[Path]) -> Iterator[Vector]:
    """Every line of every *.jsonl below the directories."""
    for directory in directories:
        for path in sorted(directory.rglob("*.jsonl")):
            with path.open(encoding="utf-8") as lines:
                yield from (json.loads(line) for line in lines if line.strip())


def replay(app: WsgiApp, recorder: Recorder, vector: Vector) -> Vector:
    """Send one request; the outcome has the shape of an `expect` entry, with the body as bytes."""
    recorder.answer, recorder.seen = ApiResult(**vector["answer"] or {}), []
    started: list[Any] = []
    body = b"".join(app(environ_of(vector["request"]), lambda *arguments: started.append(arguments)))
    ((status, headers),) = started
    by_name = {name.title(): value for name, value in headers}
    outcome = {
        "status": int(status.split()[0]),
        "headers": {name: by_name[name] for name in ("Content-Type", "Allow") if name in by_name},
        "body": body,
        "action_ran": bool(recorder.seen),
    }
    for reading in recorder.seen:
        outcome |= {"model": model_of(reading.value), "invalid": bool(reading.errors)}
    return outcome


def environ_of(request: Vector) -> dict[str, Any]:
    """The WSGI environ as gunicorn makes it: the URI untouched beside the decoded path, repeated headers joined."""
    path, _, query = request["path"].partition("?")
    body = bytes_of(request["body"])
    environ = {
        "REQUEST_METHOD": request["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": request["path"],
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if request["body"] is not None:
        environ["CONTENT_LENGTH"] = str(len(body))
    return environ | headers_of(request["headers"])


def headers_of(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in headers:
        key = name.upper().replace("-", "_")
        key = key if key == "CONTENT_TYPE" else f"HTTP_{key}"
        value = value.encode("utf-8").decode("latin-1")
        joined[key] = f"{joined[key]},{value}" if key in joined else value
    return joined


def bytes_of(body: dict[str, str] | None) -> bytes:
    if body is None:
        return b""
    return body["text"].encode("utf-8", "surrogatepass") if "text" in body else base64.b64decode(body["base64"])


def model_of(value: TicketRefundRequest | None) -> Vector | None:
    if value is None:
        return None
    return {name: getattr(value, name) for name in MEMBERS} | {
        "terminal": int(value.terminal),
        "random": int(value.random),
    }


def differences(vector: Vector, outcome: Vector) -> list[str]:
    """Nothing when the outcome is one the vector accepts, else how it differs from the nearest."""
    return min((list(_unequal(expected, outcome)) for expected in acceptable(vector)), key=len)


def acceptable(vector: Vector) -> Iterator[Vector]:
    """The outcomes that will do, as `replay` gives them; the tiers are explained in parity/PROVENANCE.md."""
    is_head = vector["request"]["method"].upper() == "HEAD"
    for expected in vector["expect"]:
        wire = {name: expected[name] for name in ("status", "headers", "action_ran")}
        wire["body"] = b"" if is_head else bytes_of(expected["body"])
        if not expected["action_ran"]:
            yield wire
            continue
        yield wire | {"model": expected["model"], "invalid": expected["invalid"]}
        if vector["tier"] == "lenient":
            yield wire | {"model": None, "invalid": True}


def _unequal(expected: Vector, outcome: Vector) -> Iterator[str]:
    for name in sorted(expected.keys() | outcome.keys()):
        if expected.get(name) != outcome.get(name):
            yield f"{name}: expected {expected.get(name)!r}, got {outcome.get(name)!r}"


def failures(app: WsgiApp, recorder: Recorder, vectors: Iterable[Vector]) -> Iterator[Failure]:
    for vector in vectors:
        found = differences(vector, replay(app, recorder, vector))
        if found:
            yield Failure(vector["id"], vector["group"], found)


def main(arguments: list[str] | None = None) -> int:
    from app import create_app

    parser = argparse.ArgumentParser(prog="tests.conformance", description=__doc__)
    parser.add_argument("directories", metavar="DIR", nargs="+", type=Path)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    options = parser.parse_args(arguments)
    vectors = list(read_vectors(options.directories))
    if not vectors:
        parser.error("no vectors found")
    recorder = Recorder()
    failed = list(failures(create_app(handler=recorder), recorder, vectors))
    passed = len(vectors) - len(failed)
    if options.json:
        print(json.dumps({"passed": passed, "failed": len(failed), "failures": [vars(f) for f in failed]}, indent=1))
    else:
        for failure in failed:
            print(failure.id, *failure.differences, sep="\n    ")
        print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
