"""What the framework answers in place of an action, each with an example made by the table of the edge."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from werkzeug.exceptions import NotFound

from ..actions import Action
from ..described import PossibleResult, Text
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

ANYWHERE: Final = "http://localhost"
"""The service in a document that is the same for every host."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A reason for which the action does not run, and the answer that the client gets."""

    name: str
    meaning: Text
    answer: Answer


def refusals(action: Action, url: str) -> dict[int, list[Refused]]:
    """HTTP status -> the reasons for it, in a service at `url`."""
    asked = Asked(_environ(action, url), action.result)
    by_status: defaultdict[int, list[Refused]] = defaultdict(list)
    for error, name, meaning in _reasons(action):
        answer = answer_to(error, asked)
        by_status[answer.status].append(Refused(name, meaning, answer))
    return by_status


def try_again(action: Action) -> PossibleResult:
    """The answer while the database is away, which every action has."""
    answer = answer_to(LedgerUnavailable("away"), Asked({}, action.result))
    assert answer.value is not None and not isinstance(answer.value, HttpError)
    return PossibleResult(
        "try_again",
        answer.value,
        Text("Not now; what was asked for may be recorded or not", "暂时无法处理；所请求的操作可能已记录，也可能没有"),
        Text("yes, after Retry-After", "要，等待 Retry-After 之后"),
    )


def _reasons(action: Action) -> list[tuple[Exception, str, Text]]:
    short, framing = BodyFault.SHORTER_THAN_PROMISED, BodyFault.FRAMING_UNREADABLE
    other = UnsupportedMediaType(MediaType("text", "plain"))
    return [
        (
            BodyCutShort(short),
            "cut_short",
            Text("The body ended before its Content-Length", "正文比 Content-Length 短"),
        ),
        (BodyCutShort(framing), "framing", Text("The framing of the body cannot be read", "无法读取正文的分块格式")),
        (NotFound(), "not_found", Text("Another path", "其他路径")),
        (MethodNotAllowed("GET", action.method), "method", Text("Another method", "其他方法")),
        (
            BodyTooLong(MAX_BODY),
            "too_long",
            Text(f"The body has more than {MAX_BODY} bytes", f"正文超过 {MAX_BODY} 字节"),
        ),
        (
            other,
            "media_type",
            Text("No format of the action has this Content-Type", "此操作的任何格式都不使用该 Content-Type"),
        ),
        (
            UnsupportedMediaType(None),
            "no_media_type",
            Text("There is a body and no Content-Type", "有正文但没有 Content-Type"),
        ),
        (BodyEncoded("gzip"), "content_encoding", Text("The body has a Content-Encoding", "正文带有 Content-Encoding")),
        (Exception(), "broken", Text("A fault of the service", "服务内部错误")),
        (
            TransferCoded(),
            "transfer_encoding",
            Text("The body has a transfer coding other than chunked alone", "传输编码不是单独的 chunked"),
        ),
    ]


def _environ(action: Action, url: str) -> dict[str, str]:
    """Of a request that missed the path of the action by an s."""
    path, service = f"{action.path}s", urlsplit(url)
    return {"RAW_URI": path, "PATH_INFO": path, "HTTP_HOST": service.netloc, "wsgi.url_scheme": service.scheme}
