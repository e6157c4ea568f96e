"""Makes the answer to what happened. One table says how each exception is answered, in the words of the framework.

No code below the edge knows an HTTP status, and only the edge catches exceptions, to ask this table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from werkzeug import exceptions as http

from xml_contracts.errors import ParserOutOfMemory

from .. import words
from ..events import TRY_AGAIN, Broken, Happening, LedgerAway, Outcome, Preflight, RequestRefused, Result
from ..ports import LedgerUnavailable
from ..values import value_class
from .cors import PreflightAsked, permission
from .dotnet_uri import requested_uri
from .media import (
    BodyCutShort,
    BodyEncoded,
    BodyFault,
    BodyTooLong,
    HttpError,
    MediaType,
    MethodNotAllowed,
    TransferCoded,
    UnsupportedMediaType,
)

RETRY_AFTER: Final = (("Retry-After", "2"),)
_OCTET_STREAM: Final = MediaType("application", "octet-stream")
_BODY_FAULTS: Final = {
    BodyFault.LENGTH_UNREADABLE: "The Content-Length header of the request cannot be read.",
    BodyFault.SHORTER_THAN_PROMISED: "The request entity is shorter than its Content-Length header says.",
    BodyFault.FRAMING_UNREADABLE: "The request entity cannot be read.",
}


@value_class(frozen=True, slots=True)
class Answer:
    """What goes back: the HTTP status, the value to write, headers that only this answer has; and what happened.

    Without a value the answer has no content.
    """

    status: int
    value: Result | HttpError | None
    happening: Happening
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer to an exception may need of the request: its environ, and the action's result contract."""

    environ: Mapping[str, Any]
    result: type[Any]


def answer_with(outcome: Outcome) -> Answer:
    """The action's own answer. It is a 200, but for TRY_AGAIN a 503, for clients that retry by the status alone."""
    if outcome.result.code == TRY_AGAIN:
        return Answer(503, outcome.result, outcome.happening, RETRY_AFTER)
    return Answer(200, outcome.result, outcome.happening)


def answer_to(error: Exception, asked: Asked) -> Answer:
    """The answer to an exception: of its classes in the table, the most derived one decides."""
    answer = next(ANSWERS[type_] for type_ in type(error).__mro__ if type_ in ANSWERS)
    return answer(error, asked)


def _refused(status: int, text: str, *headers: tuple[str, str]) -> Answer:
    return Answer(status, HttpError(text), RequestRefused(), headers)


def _preflight(error: PreflightAsked, _: Asked) -> Answer:
    return Answer(204, None, Preflight(), permission(error))


def _body_cut_short(error: BodyCutShort, _: Asked) -> Answer:
    return _refused(400, _BODY_FAULTS[error.fault])


def _body_too_long(error: BodyTooLong, _: Asked) -> Answer:
    return _refused(413, f"The request entity is longer than {error.limit} bytes.")


def _body_encoded(error: BodyEncoded, _: Asked) -> Answer:
    text = f"The request entity's content encoding '{error.coding}' is not supported for this resource."
    return _refused(415, text)


def _transfer_coded(_: TransferCoded, __: Asked) -> Answer:
    return _refused(501, "The request entity's transfer encoding is not supported: it can be 'chunked' alone.")


def _unsupported_media_type(error: UnsupportedMediaType, _: Asked) -> Answer:
    if error.media_type is not None:
        text = f"The request entity's media type '{error.media_type}' is not supported for this resource."
    else:
        text = (
            "The request contains an entity body but no Content-Type header. "
            f"The inferred media type '{_OCTET_STREAM}' is not supported for this resource."
        )
    return _refused(415, text)


def _method_not_allowed(error: MethodNotAllowed, _: Asked) -> Answer:
    return _other_method(error.method, error.allowed)


def _method_of_page_not_allowed(error: http.MethodNotAllowed, asked: Asked) -> Answer:
    return _other_method(asked.environ["REQUEST_METHOD"], ", ".join(sorted(error.valid_methods or ())))


def _other_method(method: str, allowed: str) -> Answer:
    return _refused(405, f"The requested resource does not support http method '{method}'.", ("Allow", allowed))


def _no_resource(_: http.NotFound, asked: Asked) -> Answer:
    uri = requested_uri(asked.environ)
    return _refused(404, f"No HTTP resource was found that matches the request URI '{uri}'.")


def _of_werkzeug(error: http.HTTPException, _: Asked) -> Answer:
    return _refused(error.code or 500, error.description or error.name)


def _ledger_away(error: LedgerUnavailable, asked: Asked) -> Answer:
    result = asked.result(code=TRY_AGAIN, message=words.TRY_AGAIN)
    return answer_with(Outcome(result, LedgerAway(str(error))))


def _parser_out_of_memory(error: ParserOutOfMemory, asked: Asked) -> Answer:
    result = asked.result(code=TRY_AGAIN, message=words.TRY_AGAIN)
    return answer_with(Outcome(result, Broken(error)))


def _broken(error: Exception, _: Asked) -> Answer:
    return Answer(500, HttpError("An error has occurred."), Broken(error))


ANSWERS: Final[Mapping[type, Callable[[Any, Asked], Answer]]] = {
    BodyCutShort: _body_cut_short,
    BodyTooLong: _body_too_long,
    BodyEncoded: _body_encoded,
    TransferCoded: _transfer_coded,
    UnsupportedMediaType: _unsupported_media_type,
    MethodNotAllowed: _method_not_allowed,
    PreflightAsked: _preflight,
    LedgerUnavailable: _ledger_away,
    ParserOutOfMemory: _parser_out_of_memory,
    http.NotFound: _no_resource,
    http.MethodNotAllowed: _method_of_page_not_allowed,
    http.InternalServerError: _broken,
    http.HTTPException: _of_werkzeug,
    Exception: _broken,
}
