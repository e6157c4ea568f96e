"""What gunicorn serves in the part "http": the service with a ledger in memory, and less and less of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Flask

from benchmarks.calls import SAMPLES, StartResponse, answer_of, make_reading_view
from benchmarks.calls import make_service as make_service


def make_bare_view() -> Flask:
    """A Flask view that reads the body and sends an answer of the service, with its headers."""
    return make_reading_view(*answer_of(make_service(), SAMPLES[0]))


def make_bare_wsgi() -> Any:
    """The same without Flask."""
    content, headers = answer_of(make_service(), SAMPLES[0])

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        assert environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        start_response("200 OK", headers)
        return [content]

    return application
