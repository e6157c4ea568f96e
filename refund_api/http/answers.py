"""ONE table, exception type -> answer. Nothing below knows an HTTP status, nothing above catches."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask import request
from werkzeug import exceptions as http

from xml_contracts.refund import ApiResult

from ..ports import LedgerUnavailable
from .dotnet_uri import requested_uri
from .media import (
    BodyCutShort,
    BodyEncoded,
    BodyTooLong,
    HttpError,
    MethodNotAllowed,
    UnsupportedMediaType,
)

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
