"""ONE table, exception type -> answer. Nothing below knows an HTTP status, nothing above catches."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, unquote_to_bytes

from flask import request
from werkzeug import exceptions as http

from xml_contracts.refund import ApiResult

from .media import (
    BodyCutShort,
    BodyEncoded,
    BodyTooLong,
    HttpError,
    MethodNotAllowed,
    UnsupportedMediaType,
)
from .ports import LedgerUnavailable

log = logging.getLogger(__name__)

TRY_AGAIN: Final = ApiResult(code=3001, message="Try again", data=None)
RETRY_AFTER: Final = (("Retry-After", "2"),)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: the HTTP status, the value to write, and the headers that only this answer has."""

    status: int
    value: ApiResult | HttpError
    headers: tuple[tuple[str, str], ...] = ()


BROKEN: Final = Answer(500, HttpError("An error has occurred."))


def answer_with(result: ApiResult) -> Answer:
    """The action's own answer: 200, but "try again" is a 503 for whoever retries without reading."""
    if result.code == TRY_AGAIN.code:
        return Answer(503, result, RETRY_AFTER)
    return Answer(200, result)


def answer_to(error: Exception) -> Answer:
    """The answer of the nearest base class in the table."""
    answer = next(ANSWERS[type_] for type_ in type(error).__mro__ if type_ in ANSWERS)
    return answer(error)


def method_not_allowed(method: str) -> str:
    """The text of a 405; `method` as it was sent."""
    return f"The requested resource does not support http method '{method}'."


def _refused(status: int, *headers: tuple[str, str]) -> Callable[[Any], Answer]:
    return lambda error: Answer(status, HttpError(str(error)), headers)


def _no_resource(_: http.NotFound) -> Answer:
    uri = requested_uri(request.environ)
    return Answer(404, HttpError(f"No HTTP resource was found that matches the request URI '{uri}'."))


def _other_method(error: http.MethodNotAllowed) -> Answer:
    text = method_not_allowed(request.environ["REQUEST_METHOD"])
    return Answer(405, HttpError(text), (("Allow", ", ".join(sorted(error.valid_methods or ()))),))


def _of_werkzeug(error: http.HTTPException) -> Answer:
    return Answer(error.code or 500, HttpError(error.description or error.name))


def _try_again(error: LedgerUnavailable) -> Answer:
    log.error("ledger unavailable: %s", error)
    return answer_with(TRY_AGAIN)


def _broken(error: Exception) -> Answer:
    log.error("unhandled exception", exc_info=error)
    return BROKEN


ANSWERS: Final[Mapping[type, Callable[[Any], Answer]]] = {
    BodyCutShort: _refused(400),
    BodyTooLong: _refused(413),
    BodyEncoded: _refused(415),
    UnsupportedMediaType: _refused(415),
    MethodNotAllowed: _refused(405, ("Allow", "POST")),
    LedgerUnavailable: _try_again,
    http.NotFound: _no_resource,
    http.MethodNotAllowed: _other_method,
    http.InternalServerError: lambda error: BROKEN,  # Flask has logged what is in it
    http.HTTPException: _of_werkzeug,
    Exception: _broken,
}

_ESCAPES = re.compile(r"%[0-7][0-9A-Fa-f]|(?:%[89A-Fa-f][0-9A-Fa-f]|[\x80-\xff])+|%")
_UNSAFE = frozenset("#$%&+,/;=?@\\\x7f").union(map(chr, range(32)))
# IriHelper.CheckIriUnicodeRange: C1, private use, noncharacters and tags stay escaped; so does what is no UTF-8.
_NOT_IRI = re.compile(
    "[\x80-\x9f\ud800-\uf8ff\ufdd0-\ufdef\ufff0-\uffff\U000e0000-\U000e0fff\U000efffe-\U0010ffff"
    + "".join(chr(plane << 16 | 0xFFFE) + chr(plane << 16 | 0xFFFF) for plane in range(1, 14))
    + "]"
)
_BIDI_CONTROLS = re.compile("[\u200e\u200f\u202a-\u202e]")


def requested_uri(environ: Mapping[str, Any]) -> str:
    """The absolute URI as .NET's Uri.ToString() prints it: as sent, mostly unescaped (facts.md 3.5)."""
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI") or _rebuilt(environ)
    if raw.startswith("/"):
        host = environ.get("HTTP_HOST") or f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
        raw = f"{environ['wsgi.url_scheme']}://{host}{raw}"
    return _ESCAPES.sub(_unescape, raw)


def _rebuilt(environ: Mapping[str, Any]) -> str:
    """For servers that do not hand over the URI they were sent."""
    query = environ.get("QUERY_STRING")
    return quote(environ["PATH_INFO"], safe="/:;=@$&+,!*'()", encoding="latin-1") + (f"?{query}" if query else "")


def _unescape(match: re.Match[str]) -> str:
    escaped = match[0]
    if escaped == "%":
        return "%25"  # a stray one is escaped, a good `%25` stays
    if len(escaped) == 3 and escaped < "%8":
        character = chr(int(escaped[1:], 16))
        return escaped if character in _UNSAFE else character
    text = unquote_to_bytes(escaped.encode("latin-1")).decode("utf-8", "surrogateescape")
    text = _NOT_IRI.sub(lambda kept: quote(kept[0], errors="surrogateescape"), text)
    return _BIDI_CONTROLS.sub("", text)
