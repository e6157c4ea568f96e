"""What the framework answers in place of an action, each with an example made by the table of the edge."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from werkzeug.exceptions import NotFound

from ..actions import Action
from ..described import PossibleResult
from ..http.answers import Answer, Asked, answer_to
from ..http.body import MAX_BODY
from ..http.media import (
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
from ..ports import LedgerUnavailable


@dataclass(frozen=True, slots=True)
class Refused:
    """A reason for which the action does not run, and the answer that the client gets."""

    name: str
    meaning: str
    answer: Answer


def refusals(action: Action) -> dict[int, list[Refused]]:
    """HTTP status -> the reasons for it."""
    asked = Asked(_environ(action), action.result)
    by_status: defaultdict[int, list[Refused]] = defaultdict(list)
    for error, name, meaning in _reasons(action):
        answer = answer_to(error, asked)
        by_status[answer.status].append(Refused(name, meaning, answer))
    return by_status


def try_again(action: Action) -> PossibleResult:
    """The answer while the database is away, which every action has."""
    answer = answer_to(LedgerUnavailable("away"), Asked(_environ(action), action.result))
    assert answer.value is not None and not isinstance(answer.value, HttpError)
    return PossibleResult(
        "try_again", answer.value, "Not now; what was asked for may be recorded or not", "yes, after Retry-After"
    )


def _reasons(action: Action) -> list[tuple[Exception, str, str]]:
    return [
        (BodyCutShort(BodyFault.SHORTER_THAN_PROMISED), "cut_short", "The body ended before its Content-Length"),
        (BodyCutShort(BodyFault.FRAMING_UNREADABLE), "framing", "The framing of the body cannot be read"),
        (NotFound(), "not_found", "Another path"),
        (MethodNotAllowed("GET", action.method), "method", "Another method"),
        (BodyTooLong(MAX_BODY), "too_long", f"The body has more than {MAX_BODY} bytes"),
        (
            UnsupportedMediaType(MediaType("text", "plain")),
            "media_type",
            "No format of the action has this Content-Type",
        ),
        (UnsupportedMediaType(None), "no_media_type", "There is a body and no Content-Type"),
        (BodyEncoded("gzip"), "content_encoding", "The body has a Content-Encoding"),
        (Exception(), "broken", "A fault of the service"),
        (TransferCoded(), "transfer_encoding", "The body has a transfer coding other than chunked alone"),
    ]


def _environ(action: Action) -> dict[str, str]:
    """Of a request that missed the path of the action by an s."""
    path = f"{action.path}s"
    return {"RAW_URI": path, "PATH_INFO": path, "HTTP_HOST": "localhost", "wsgi.url_scheme": "https"}
