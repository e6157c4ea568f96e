"""One table answers for every exception."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Flask
from werkzeug import exceptions as http

from refund_api.http.answers import TRY_AGAIN, Answer, answer_to, answer_with, method_not_allowed
from refund_api.http.media import (
    BodyCutShort,
    BodyEncoded,
    BodyTooLong,
    HttpError,
    MethodNotAllowed,
    RequestRefused,
    UnsupportedMediaType,
)
from refund_api.ports import LedgerUnavailable
from xml_contracts.errors import ValueNotWritable
from xml_contracts.refund import ApiResult


@pytest.mark.parametrize(
    ("refusal", "status", "headers"),
    [
        (BodyCutShort("half"), 400, ()),
        (BodyTooLong("long"), 413, ()),
        (BodyEncoded("gzip"), 415, ()),
        (UnsupportedMediaType("odd"), 415, ()),
        (MethodNotAllowed("no"), 405, (("Allow", "POST"),)),
    ],
)
def test_a_refusal_is_answered_in_its_own_words(refusal: RequestRefused, status: int, headers: Any) -> None:
    assert answer_to(refusal) == Answer(status, HttpError(str(refusal)), headers)


def test_a_ledger_that_is_away_asks_to_come_again() -> None:
    again = Answer(503, ApiResult(3001, "Try again", None), (("Retry-After", "2"),))
    assert answer_to(LedgerUnavailable("SELECT failed at 10.0.0.1")) == again
    assert answer_with(TRY_AGAIN) == again


def test_every_other_result_of_the_action_is_a_200() -> None:
    result = ApiResult(2003, "Departs within 30 days", None)
    assert answer_with(result) == Answer(200, result)


@pytest.mark.parametrize("error", [ZeroDivisionError("secret"), ValueNotWritable("secret"), KeyError("secret")])
def test_what_nobody_expected_is_logged_and_not_shown(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    assert answer_to(error) == Answer(500, HttpError("An error has occurred."))
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None and record.exc_info[1] is error


def test_a_failure_that_flask_has_logged_is_not_logged_twice(caplog: pytest.LogCaptureFixture) -> None:
    error = http.InternalServerError(original_exception=ZeroDivisionError())
    assert answer_to(error) == Answer(500, HttpError("An error has occurred."))
    assert not caplog.records


def test_other_errors_of_werkzeug_keep_their_status() -> None:
    assert answer_to(http.ImATeapot("short and stout")) == Answer(418, HttpError("short and stout"))
    assert answer_to(http.HTTPException()) == Answer(500, HttpError("Unknown Error"))


def test_an_ordinary_route_says_which_methods_it_has() -> None:
    with Flask(__name__).test_request_context("/healthz", method="PUT"):
        answer = answer_to(http.MethodNotAllowed(valid_methods=["HEAD", "GET"]))
        assert answer == Answer(405, HttpError(method_not_allowed("PUT")), (("Allow", "GET, HEAD"),))
        assert answer_to(http.MethodNotAllowed()).headers == (("Allow", ""),)


def test_an_unknown_route_is_named_by_its_uri() -> None:
    with Flask(__name__).test_request_context("/", environ_overrides={"RAW_URI": "/a%20b"}):
        answer = answer_to(http.NotFound())
    text = "No HTTP resource was found that matches the request URI 'http://localhost/a b'."
    assert answer == Answer(404, HttpError(text))


def test_a_ledger_that_is_away_is_logged_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    assert answer_to(LedgerUnavailable("the database is busy")).status == 503
    assert caplog.messages == ["ledger unavailable: the database is busy"]
