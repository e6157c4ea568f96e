"""A request as it goes to the service: taken from a recorded vector, perhaps signed, perhaps damaged."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from tests.conformance import Vector, bytes_of, environ_of


@dataclass(frozen=True)
class Signed:
    """What a client with the key agreed to: the scheme, the order, and exactly these passengers; and the sign itself."""

    scheme: str
    order_number: str
    passengers: frozenset[str]
    signature: str


@dataclass(frozen=True)
class SentRequest:
    """Header values are Latin-1 text, as WSGI has them. `body` None is no body and no Content-Length.

    `promised` is the Content-Length where it is not that of the body; "" is a chunked body. `signed` is None where
    nobody with the key has made the request.
    """

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    promised: str | None = None
    signed: Signed | None = field(default=None, compare=False)

    def environ(self) -> dict[str, Any]:
        """As gunicorn makes it; a repeated header is joined by a comma."""
        body = None if self.body is None else {"base64": base64.b64encode(self.body).decode()}
        environ = environ_of({"method": self.method, "path": self.path, "headers": (), "body": body})
        for name, value in self.headers:
            key = name.upper().replace("-", "_")
            key = key if key == "CONTENT_TYPE" else f"HTTP_{key}"
            environ[key] = f"{environ[key]},{value}" if key in environ and key != "HTTP_HOST" else value
        if self.promised is not None:
            environ["CONTENT_LENGTH"] = self.promised
        return environ

    def header(self, name: str) -> str | None:
        """The value as the application sees it; None where there is no such header."""
        values = [value for key, value in self.headers if key.lower() == name]
        return ",".join(values) if values else None


def of_vector(vector: Vector) -> SentRequest:
    """The request of a recorded vector."""
    request = vector["request"]
    headers = tuple((name, value.encode().decode("latin-1")) for name, value in request["headers"])
    body = None if request["body"] is None else bytes_of(request["body"])
    return SentRequest(request["method"], request["path"], headers, body)


def to_base64(request: SentRequest, **facts: Any) -> str:
    """One line that has the whole request, and the facts with it."""
    members: dict[str, Any] = {name: getattr(request, name) for name in ("method", "path", "headers", "promised")}
    if request.body is not None:
        members["body"] = base64.b64encode(request.body).decode()
    if request.signed is not None:
        members["signed"] = vars(request.signed) | {"passengers": sorted(request.signed.passengers)}
    return base64.b64encode(json.dumps({"request": members, **facts}).encode()).decode()


def from_base64(line: str) -> tuple[SentRequest, dict[str, Any]]:
    """The request of such a line, and its facts. ValueError: it is no such line."""
    facts: dict[str, Any] = json.loads(base64.b64decode(line))
    members = facts.pop("request")
    members["headers"] = tuple((name, value) for name, value in members["headers"])
    members["body"] = base64.b64decode(members["body"]) if "body" in members else None
    if "signed" in members:
        signed = members["signed"]
        members["signed"] = Signed(**signed | {"passengers": frozenset(signed["passengers"])})
    return SentRequest(**members), facts
