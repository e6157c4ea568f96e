"""One request from the wire to its answer.

The steps, in this order: read the headers and choose who reads and who writes; check the method; take the body whole;
read it; hand it to the action; write the answer. Any exception of these goes to the one table of answers.py, and its
answer leaves the same way. Nothing is refused behind the action: a refund may be recorded by then. When the answer is
written, every sink is told of it once; what a sink does wrong is logged and changes no answer.
"""

from __future__ import annotations

import logging
import string
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from flask import Response
from werkzeug.exceptions import NotFound
from werkzeug.http import HTTP_STATUS_CODES

from xml_contracts.contract import contract_of
from xml_contracts.errors import DeclarationError
from xml_contracts.reading import Reading
from xml_contracts.refund import ApiResult

from .. import words
from ..actions import Action, Handler
from ..context import RequestContext
from ..events import ActionAnswered, Event, Outcome, Sink
from ..ports import Clock
from . import cors
from .answers import Answer, Asked, answer_to, answer_with
from .body import read_body
from .finished import FinishedResponse
from .formatters import OUTSIDE_ANY_ACTION, formatters_for
from .identity import REQUEST_ID_KEY, echo, ids_of
from .media import HttpError, MethodNotAllowed, UnsupportedMediaType
from .negotiation import Header, Negotiated, negotiator
from .refused_body import drain

log = logging.getLogger(__name__)

EXPLAIN_HEADER: Final = "X-Data-Contract-Ignored"

# HttpControllerHandler.CopyResponseAsync adds these when the action sets no Cache-Control (wire-facts 2.16).
NOT_CACHED: Final = (("Cache-Control", "no-cache"), ("Pragma", "no-cache"), ("Expires", "-1"))

_NOTHING_READ: Final[Reading[Any]] = Reading(None)

# gunicorn refuses any other character, behind a refund that is recorded; the words may be in another language.
_FIT_FOR_A_HEADER: Final = string.punctuation + " "

Negotiate = Callable[[Header, Header, Header, Header], Negotiated]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An action as it is served. `handler()` gives its handler, which the first call makes."""

    action: Action
    negotiate: Negotiate
    handler: Callable[[], Handler]

    @classmethod
    def of(cls, action: Action, handler: Callable[[], Handler]) -> Endpoint:
        """DeclarationError: a contract of the action cannot be read or written in one of its formats.

        Or its result has no place for what the edge says by itself, that the ledger is away.
        """
        result: type = action.result
        types = {member.attribute: member.type for member in contract_of(result).members}
        if (types.get("code"), types.get("message")) != (int, str):
            raise DeclarationError(f"{result.__name__}: a result has a number `code` and a text `message`")
        return cls(action, negotiator(formatters_for(action.request, action.result, action.formats)), handler)


class Edge:
    """Answers the requests of one application.

    `explain` tells whether a response header names the members that were skipped while reading. `origins` gives the
    origins whose pages may read the answers (origins.py).
    """

    def __init__(
        self,
        endpoints: tuple[Endpoint, ...],
        sinks: Iterable[Sink],
        clock: Clock,
        explain: Callable[[], bool],
        origins: Callable[[], tuple[str, ...]],
    ):
        self.endpoints = endpoints
        self._sinks = tuple(sinks)
        self._clock = clock
        self._explain = explain
        self._origins = origins
        self._negotiate_outside = negotiator(OUTSIDE_ANY_ACTION)

    def serve(self, endpoint: Endpoint, environ: dict[str, Any]) -> Response:
        """The answer of an action, or of the framework in its place."""
        started = time.perf_counter()
        chosen = _negotiated(endpoint.negotiate, environ)
        cross_origin = cors.headers_for(environ, self._origins())
        context: RequestContext | None = None
        reading = _NOTHING_READ
        try:
            body = _take_body(endpoint.action.method, environ, may_ask=bool(cross_origin))
            # Not before: a client that sends its body slowly must not stretch its tolerance.
            context = self._context(environ)
            reading = _read(chosen, body)
            answer = answer_with(_outcome(endpoint.handler()(reading, context)))
            content = _write(chosen, answer)
            explained = self._explanation(reading)
        except Exception as error:
            context = context or self._context(environ)
            answer = answer_to(error, Asked(environ, endpoint.action.result))
            content = _write(chosen, answer)
            explained = ()
        self._tell(answer, context, chosen, reading, started)
        return _response(chosen, answer, content, (*echo(environ), *explained, *cross_origin))

    def refuse(self, error: Exception, environ: dict[str, Any]) -> Response:
        """The answer to a request that no action took, because of `error`."""
        started = time.perf_counter()
        drain(environ)
        chosen = _negotiated(self._negotiate_outside, environ)
        answer = answer_to(error, Asked(environ, ApiResult))
        content = _write(chosen, answer)
        self._tell(answer, self._context(environ), chosen, _NOTHING_READ, started)
        return _response(chosen, answer, content, (*echo(environ), *cors.headers_for(environ, self._origins())))

    def _context(self, environ: dict[str, Any]) -> RequestContext:
        request_id, traceparent = ids_of(environ)
        environ[REQUEST_ID_KEY] = request_id
        return RequestContext(request_id, environ.get("REMOTE_ADDR") or "", self._clock(), traceparent)

    def _explanation(self, reading: Reading[Any]) -> tuple[tuple[str, str], ...]:
        """The header that tells the client what was skipped; the legacy never told."""
        if reading.ignored and self._explain():
            return ((EXPLAIN_HEADER, quote(words.ignored_in_words(reading.ignored), safe=_FIT_FOR_A_HEADER)),)
        return ()

    def _tell(
        self, answer: Answer, context: RequestContext, chosen: Negotiated, reading: Reading[Any], started: float
    ) -> None:
        event = Event(
            happening=answer.happening,
            context=context,
            status=answer.status,
            read_format=chosen.reader.name if chosen.reader else None,
            write_format=chosen.writer.name,
            skipped=reading.ignored,
            milliseconds=(time.perf_counter() - started) * 1000,
            answered_at=time.time(),
            code=None if answer.value is None or isinstance(answer.value, HttpError) else answer.value.code,
        )
        for sink in self._sinks:
            try:
                sink(event)
            except Exception:
                log.exception("a sink of events failed")


def _negotiated(negotiate: Negotiate, environ: dict[str, Any]) -> Negotiated:
    header = environ.get
    return negotiate(
        header("CONTENT_TYPE"),
        header("HTTP_ACCEPT"),
        header("HTTP_ACCEPT_CHARSET"),
        header("HTTP_X_REQUESTED_WITH"),
    )


def _take_body(allowed: str, environ: dict[str, Any], *, may_ask: bool) -> bytes:
    """The whole body of a request with the right method; else what `_require` and `read_body` raise."""
    try:
        _require(allowed, environ, may_ask)
        return read_body(environ)
    except Exception:
        drain(environ)
        raise


def _require(allowed: str, environ: dict[str, Any], may_ask: bool) -> None:
    """Raises NotFound, MethodNotAllowed; PreflightAsked where a preflight may be asked.

    Methods compare ignoring case (wire-facts 3.8).
    """
    if environ["PATH_INFO"].startswith("///"):  # Werkzeug ignores all extra leading slashes, HttpRoute one
        raise NotFound
    method = environ["REQUEST_METHOD"]
    if may_ask and cors.is_preflight(environ):
        raise cors.PreflightAsked(allowed, environ)
    if method.upper() != allowed:
        raise MethodNotAllowed(method, allowed)


def _read(chosen: Negotiated, body: bytes) -> Reading[Any]:
    """What the reader reads. Without one, an empty body is a null model, any other a 415 (wire-facts 1.5)."""
    if chosen.reader is not None:
        return chosen.reader.read(body, chosen.read_charset)
    if body:
        raise UnsupportedMediaType(chosen.sent)
    return _NOTHING_READ


def _outcome(given: Any) -> Outcome:
    """What a handler gave, as an Outcome. If it gave a result alone, only the code of that is known."""
    return given if isinstance(given, Outcome) else Outcome(given, ActionAnswered(given.code))


def _write(chosen: Negotiated, answer: Answer) -> bytes:
    if answer.value is None:
        return b""
    assert chosen.writer.write is not None
    return chosen.writer.write(answer.value, chosen.write_charset)


def _response(chosen: Negotiated, answer: Answer, content: bytes, more: tuple[tuple[str, str], ...]) -> Response:
    status = f"{answer.status} {HTTP_STATUS_CODES.get(answer.status)}"
    if answer.value is None:
        return FinishedResponse(status, [*NOT_CACHED, *answer.headers, *more], None)
    content_type = f"{chosen.media_type}; charset={chosen.write_charset}"
    headers = [("Content-Type", content_type), *NOT_CACHED, *answer.headers, *more]
    return FinishedResponse(status, [*headers, ("Content-Length", str(len(content)))], content)
