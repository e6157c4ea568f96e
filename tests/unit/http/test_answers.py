"""One table answers for every exception."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug import exceptions as http

from refund_api.events import ActionAnswered, Broken, LedgerAway, Outcome, RequestRefused
from refund_api.http.answers import Answer, Asked, answer_to, answer_with
from refund_api.http.media import (
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
from refund_api.ports import LedgerUnavailable
from xml_contracts.errors import ParserOutOfMemory, ValueNotWritable
from xml_contracts.refund import ApiResult

ENVIRON = {"REQUEST_METHOD": "PUT", "RAW_URI": "/a%20b", "HTTP_HOST": "localhost", "wsgi.url_scheme": "http"}
ASKED = Asked(ENVIRON, ApiResult)


def refused(status: int, text: str, *headers: tuple[str, str]) -> Answer:
    return Answer(status, HttpError(text), RequestRefused(), headers)


@pytest.mark.parametrize(
    ("refusal", "answer"),
    [
        (
            BodyCutShort(BodyFault.LENGTH_UNREADABLE),
            refused(400, "The Content-Length header of the request cannot be read."),
        ),
        (
            BodyCutShort(BodyFault.SHORTER_THAN_PROMISED),
            refused(400, "The request entity is shorter than its Content-Length header says."),
        ),
        (BodyCutShort(BodyFault.FRAMING_UNREADABLE), refused(400, "The request entity cannot be read.")),
        (BodyTooLong(65536), refused(413, "The request entity is longer than 65536 bytes.")),
        (
            BodyEncoded("gzip"),
            refused(415, "The request entity's content encoding 'gzip' is not supported for this resource."),
        ),
        (
            TransferCoded(),
            refused(501, "The request entity's transfer encoding is not supported: it can be 'chunked' alone."),
        ),
        (
            UnsupportedMediaType(MediaType("Text", "plain", {"x": "y"})),
            refused(415, "The request entity's media type 'Text/plain' is not supported for this resource."),
        ),
        (
            UnsupportedMediaType(None),
            refused(
                415,
                "The request contains an entity body but no Content-Type header. "
                "The inferred media type 'application/octet-stream' is not supported for this resource.",
            ),
        ),
        (
            MethodNotAllowed("put", "POST"),
            refused(405, "The requested resource does not support http method 'put'.", ("Allow", "POST")),
        ),
    ],
)
def test_a_refusal_is_answered_in_the_words_of_the_legacy(refusal: Exception, answer: Answer) -> None:
    assert answer_to(refusal, ASKED) == answer


def test_a_ledger_that_is_away_asks_to_come_again() -> None:
    error = LedgerUnavailable("SELECT failed at 10.0.0.1")
    again = ApiResult(3001, "Try again", None)
    assert answer_to(error, ASKED) == Answer(503, again, LedgerAway(str(error)), (("Retry-After", "2"),))
    told = ActionAnswered(3001)
    assert answer_with(Outcome(again, told)) == Answer(503, again, told, (("Retry-After", "2"),))


def test_a_parser_without_memory_asks_to_come_again_and_tells_the_operator() -> None:
    error = ParserOutOfMemory("Memory allocation failed")
    again = ApiResult(3001, "Try again", None)
    assert answer_to(error, ASKED) == Answer(503, again, Broken(error), (("Retry-After", "2"),))


def test_every_other_result_of_the_action_is_a_200() -> None:
    result = ApiResult(2003, "Departs within 30 days", None)
    told = ActionAnswered(2003)
    assert answer_with(Outcome(result, told)) == Answer(200, result, told)


@pytest.mark.parametrize("error", [ZeroDivisionError("secret"), ValueNotWritable("secret"), KeyError("secret")])
def test_what_nobody_expected_is_told_to_the_operator_and_not_to_the_client(error: Exception) -> None:
    assert answer_to(error, ASKED) == Answer(500, HttpError("An error has occurred."), Broken(error))


def test_a_failure_that_flask_has_caught_is_answered_alike() -> None:
    error = http.InternalServerError(original_exception=ZeroDivisionError())
    assert answer_to(error, ASKED) == Answer(500, HttpError("An error has occurred."), Broken(error))


def test_other_errors_of_werkzeug_keep_their_status() -> None:
    assert answer_to(http.ImATeapot("short and stout"), ASKED) == refused(418, "short and stout")
    assert answer_to(http.HTTPException(), ASKED) == refused(500, "Unknown Error")


@pytest.mark.parametrize(("methods", "allow"), [(["HEAD", "GET"], "GET, HEAD"), (None, "")])
def test_an_ordinary_page_says_which_methods_it_has(methods: Any, allow: str) -> None:
    text = "The requested resource does not support http method 'PUT'."
    assert answer_to(http.MethodNotAllowed(valid_methods=methods), ASKED) == refused(405, text, ("Allow", allow))


def test_an_unknown_route_is_named_by_its_uri() -> None:
    text = "No HTTP resource was found that matches the request URI 'http://localhost/a b'."
    assert answer_to(http.NotFound(), ASKED) == refused(404, text)
