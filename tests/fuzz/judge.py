"""What any answer must be, whatever was asked; README.md and docs/deviations.md promise it.

The answers themselves are held by the recorded vectors. Here stands what is true of all of them: the status and what
belongs to it, a body of its contract in the negotiated format, a ledger that only code 1 changes, and that
nothing is refunded to which nobody with the key agreed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from xml.etree import ElementTree

from refund_api.http.edge import EXPLAIN_HEADER
from refund_api.http.formatters import OUTSIDE_ANY_ACTION
from refund_api.http.negotiation import Negotiated, negotiate
from tests.world import SECRET

from .sent import SentRequest
from .target import Answer, Counts, Target

MESSAGES: Final[Mapping[int, str]] = {
    1: "Cancelled",
    1001: "Invalid request: .+",
    1002: "Signature rejected",
    2001: "Order not found",
    2002: "Passenger not in this order",
    2003: "Departs within 30 days",
    2004: "Already cancelled",
    2005: "This order cannot be cancelled",
    3001: "Try again",
}
"""README's table of codes -> the message."""
MAY_CLAIM_NONCE: Final = frozenset(MESSAGES) - {1001, 1002, 3001}

_LONGEST_HEADER: Final = 512
_LONGEST_MESSAGE: Final = 4000
_LONGEST_LINE: Final = 4095
_OF_FRAMEWORK: Final = (400, 404, 405, 413, 415, 501)
_ALWAYS: Final = {"cache-control": "no-cache", "pragma": "no-cache", "expires": "-1"}
_HARMLESS_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NUMBER = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
# .NET writes control characters by reference, which XML 1.0 does not know (wire-facts 5.6).
_NO_XML_1_0 = re.compile("&#x(?:[0-8BCEF]|1[0-9A-F]);|[\ufffe\uffff]")
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_MODELS = "{http://schemas.datacontract.org/2004/07/ChinaTrainTickets.Web.Areas.webApi.Models}"

Members = dict[str, Any]


def negotiated(request: SentRequest) -> Negotiated:
    """Who writes the answer, worked out anew and not remembered."""
    return negotiate(
        _counted(request, "content-type"),
        _counted(request, "accept"),
        _counted(request, "accept-charset"),
        _counted(request, "x-requested-with"),
        OUTSIDE_ANY_ACTION,
    )


def _counted(request: SentRequest, name: str) -> str | None:
    """The header, if it is not so long that it counts as not sent."""
    value = request.header(name)
    return value if value is None or len(value) <= _LONGEST_HEADER else None


def code_of(answer: Answer) -> int | None:
    """The code of an ApiResult; None where the framework answers, or nothing can be read."""
    try:
        code = _members_of(answer)["code"]
    except (ValueError, KeyError):
        return None
    return code if isinstance(code, int) else None


def number_of(answer: Answer) -> str | None:
    """The refund number of an ApiResult."""
    number: str | None = _members_of(answer)["data"]
    return number


def faults(
    request: SentRequest, answer: Answer, chosen: Negotiated, target: Target, before: Counts, after: Counts
) -> Iterator[str]:
    """A sentence for each promise that is not kept. `before` and `after` are the tables around the request."""
    yield from _log_faults(request, answer)
    code = None
    if request.method.upper() == "HEAD":
        if answer.body:
            yield "an answer to HEAD has a body"
    else:
        try:
            members = _members_of(answer)
        except ValueError as error:
            yield f"the body cannot be read as its Content-Type says: {error}"
            members = {}
        code = members.get("code")
        yield from _body_faults(answer.status, members)
        if code == 1:
            yield from _refund_faults(request, members["data"], target)
    yield from _head_faults(request, answer, f"{chosen.media_type}; charset={chosen.write_charset}")
    yield from _ledger_faults(code, before, after)


def _head_faults(request: SentRequest, answer: Answer, content_type: str) -> Iterator[str]:
    headers = {name.lower(): value for name, value in answer.headers}
    if len(headers) != len(answer.headers):
        yield "a header comes twice"
    if answer.status not in (200, 503, *_OF_FRAMEWORK):
        yield f"status {answer.status}"
    expected = _ALWAYS | {"content-type": content_type, "content-length": str(len(answer.body))}
    if answer.status == 501 and (request.header("transfer-encoding") or "chunked").lower() == "chunked":
        yield "status 501 without a transfer coding"
    if answer.status == 405:
        expected |= {"allow": "POST"}
    if answer.status == 503:
        expected |= {"retry-after": "2"}
    if _HARMLESS_ID.fullmatch(sent := request.header("x-request-id") or ""):
        expected |= {"x-request-id": sent}
    explained = headers.pop(EXPLAIN_HEADER.lower(), "x")
    if not re.fullmatch(f"[ -~]{{1,{_LONGEST_MESSAGE}}}", explained):
        yield f"the header {EXPLAIN_HEADER} does not fit: {explained!r}"
    for name in sorted(expected.keys() | headers.keys()):
        is_length_of_head = name == "content-length" and not answer.body
        if headers.get(name) != expected.get(name) and not is_length_of_head:
            yield f"header {name}: {headers.get(name)!r} and not {expected.get(name)!r}"


def _log_faults(request: SentRequest, answer: Answer) -> Iterator[str]:
    """One line. No error, no secret, no signature, nothing that a terminal or a reader of lines could misunderstand."""
    signature = request.signed.signature if request.signed else SECRET.decode()
    for line in answer.logged:
        if '"level":"error"' in line or '"level":"critical"' in line:
            yield f"the service logs an error: {line}"
        if not line.isprintable() or len(line) > _LONGEST_LINE:
            yield f"the log has characters that are not printable, or too many: {line!r}"
        if SECRET.decode() in line or signature in line:
            yield f"the log has a secret or a signature: {line}"
    if (lines := sum('"traceparent":' in line for line in answer.logged)) != 1:
        yield f"the answer has {lines} lines in the log"


def _body_faults(status: int, members: Members) -> Iterator[str]:
    if status not in (200, 503):
        if list(members) != ["Message"] or not members["Message"]:
            yield f"status {status} without an HttpError: {members}"
        return
    if sorted(members) != ["code", "data", "message"]:
        yield f"status {status} without an ApiResult: {members}"
        return
    code, message, data = members["code"], members["message"], members["data"]
    if code not in MESSAGES or (status == 503) != (code == 3001):
        yield f"status {status} with code {code}"
    elif not isinstance(message, str) or not re.fullmatch(MESSAGES[code], message, re.DOTALL):
        yield f"code {code} with the message {message!r}"
    if (code == 1) != (data is not None) or (data is not None and not _NUMBER.fullmatch(data)):
        yield f"code {code} with data {data!r}"


def _refund_faults(request: SentRequest, number: Any, target: Target) -> Iterator[str]:
    """Only who has the key gets a refund; and a v2 signature serves for no other order and no other passengers."""
    items = target.items_of_refund(str(number))
    if not items:
        yield f"code 1 with the number {number}, which is no refund of the ledger"
    if request.signed is None:
        yield f"code 1 without a valid signature: {sorted(items)}"
    elif request.signed.scheme == "v2":
        agreed = {(request.signed.order_number, passenger) for passenger in request.signed.passengers}
        if items != agreed:
            yield f"signed for {sorted(agreed)}, refunded {sorted(items)}"


def _ledger_faults(code: int | None, before: Counts, after: Counts) -> Iterator[str]:
    change = Counts(*(new - old for new, old in zip(after, before, strict=True)))
    if change.nonces not in ((0, 1) if code in MAY_CLAIM_NONCE else (0,)):
        yield f"code {code} changes the nonces by {change.nonces}"
    is_recorded = change[:3] == (1, change.items, 1) and change.items >= 1 and change.cancelled in (0, 1)
    if any(change[:6]) and not (code == 1 and is_recorded and change[4:6] == (0, 0)):
        yield f"code {code} changes the ledger: {change}"


def _members_of(answer: Answer) -> Members:
    """The members of an ApiResult or HttpError. ValueError: it is neither, or not as Content-Type says."""
    content_type = dict(answer.headers).get("Content-Type", "")
    media_type, _, charset = content_type.partition("; charset=")
    if charset not in ("utf-8", "utf-16"):
        raise ValueError(f"Content-Type {content_type!r}")
    text = answer.body.decode(charset)
    if media_type.endswith("/json"):
        members = json.loads(text)
        if not isinstance(members, dict):
            raise ValueError(f"no object: {text[:80]!r}")
        return members
    if media_type.endswith("/xml"):
        return _members_of_xml(text)
    raise ValueError(f"Content-Type {content_type!r}")


def _members_of_xml(text: str) -> Members:
    try:
        root = ElementTree.fromstring(_NO_XML_1_0.sub("?", text))
    except ElementTree.ParseError as error:
        raise ValueError(f"no XML ({error}): {text[:200]!r}") from None
    if root.tag not in ("Error", f"{_MODELS}ApiResultOfstring"):
        raise ValueError(f"root {root.tag}")
    members: Members = {child.tag.removeprefix(_MODELS): _value(child) for child in root}
    if root.tag != "Error" and members.get("code"):
        members["code"] = int(members["code"])
    return members


def _value(element: ElementTree.Element) -> str | None:
    return None if element.get(f"{{{_XSI}}}nil") == "true" else element.text or ""
