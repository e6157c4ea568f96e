"""ALL English that clients read about problems with a request. The Chinese of the help pages is in zh/.

The outcomes, the rules and what was skipped are told here; what a codec cannot read, in codecs.py. No answer tells why
a signature was rejected: only the page of a demo does.

There is one function an enum of reasons. Each is a `match` that names every value, so that a reason without a sentence
fails the type check. The texts are part of the wire: tests/vectors/messages holds them to the byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, assert_never
from urllib.parse import quote

from schemas.reasons import ConversionFault, FormFault, JsonFault
from xml_contracts.reading import Problem, Reason, Skipped
from xml_contracts.reasons import MemberFault, TextFault, XmlFault

from ..domain import Refusal
from ..rules import ShapeFault
from ..signing.verifier import Cause
from .codecs import (
    Arguments,
    conversion_sentence,
    form_sentence,
    json_sentence,
    xml_member_sentence,
    xml_sentence,
    xml_text_sentence,
)

CANCELLED: Final = "Cancelled"
SIGNATURE_REJECTED: Final = "Signature rejected"
TRY_AGAIN: Final = "Try again"

MOST_IGNORED: Final = 10


def refused(refusal: Refusal, *, notice_days: int) -> str:
    """The message for an order that cannot be cancelled as asked; `notice_days` as the decision was made with."""
    match refusal:
        case Refusal.ORDER_NOT_FOUND:
            return "Order not found"
        case Refusal.PASSENGER_NOT_IN_ORDER:
            return "Passenger not in this order"
        case Refusal.ALREADY_CANCELLED:
            return "Already cancelled"
        case Refusal.ORDER_NOT_CANCELLABLE:
            return "This order cannot be cancelled"
        case Refusal.DEPARTS_TOO_SOON:
            return f"Departs within {notice_days} days"
        case _:
            assert_never(refusal)


def invalid_request(problems: Iterable[Problem]) -> str:
    """The message of code 1001."""
    return f"Invalid request: {'; '.join(map(problem_in_words, problems))}"


def problem_in_words(problem: Problem) -> str:
    """What is wrong, with the member where there is one: `random: not a 32-bit integer`."""
    start, sentence_of = _SENTENCES[type(problem.reason)]
    sentence = sentence_of(problem.reason, problem.arguments)
    if problem.member is None:
        return start + sentence
    return f"{start}{problem.member}{' ' if problem.reason in _PREDICATES else ': '}{sentence}"


def ignored_in_words(ignored: Sequence[Problem]) -> str:
    """`name: reason; …`, at most ten of them. The names are in ASCII: clients choose them, and logs show them."""
    members = [(problem.member, problem) for problem in ignored if problem.member is not None]
    words = [f"{quote(name, safe='')}: {why_skipped(problem)}" for name, problem in members[:MOST_IGNORED]]
    uncounted = sum(int(problem.arguments[0]) for problem in ignored if problem.reason is Skipped.MORE_UNKNOWN)
    if more := len(members) - len(words) + uncounted:
        words.append(f"and {more} more")
    return "; ".join(words)


def why_skipped(problem: Problem) -> str:
    """Why a member was skipped that the request does have, without its name."""
    assert isinstance(problem.reason, Skipped), problem
    return _skipped(problem.reason, problem.arguments)


def why_rejected(cause: Cause) -> str:
    """Why a signature proves nothing."""
    match cause:
        case Cause.MALFORMED:
            return "sign is of no scheme that is switched on, or time_stamp is no time"
        case Cause.UNKNOWN_KEY:
            return "no key has the id that it names"
        case Cause.NO_KEY_MATCHES:
            return "no key gives this sign for this request"
        case Cause.KEY_NOT_ACTIVE:
            return "its key is not active now, or not for this terminal"
        case Cause.OUTSIDE_THE_TOLERANCE:
            return "time_stamp is too far from the clock of the service"
        case Cause.NONCE_TAKEN:
            return "it was used for another request"
        case _:
            assert_never(cause)


def _skipped(reason: Skipped, arguments: Arguments) -> str:
    match reason:
        case Skipped.UNKNOWN:
            return "unknown"
        case Skipped.WRONG_NAMESPACE:
            return f"wrong namespace: expected {arguments[0]}"
        case Skipped.OUT_OF_ORDER:
            return f"out of order: must come before {arguments[0]}"
        case Skipped.REPEATED_FIRST_COUNTS:
            return "repeated: the first one counts"
        case Skipped.REPEATED_LAST_COUNTS:
            return "repeated: the last one counts"
        case Skipped.REPEATED_LAST_READABLE_COUNTS:
            return "repeated: the last readable one counts"
        case Skipped.MORE_UNKNOWN:
            return f"{arguments[0]} more unknown"
        case _:
            assert_never(reason)


def _shape(fault: ShapeFault, arguments: Arguments) -> str:
    match fault:
        case ShapeFault.NO_REQUEST:
            return "there is no request in the body"
        case ShapeFault.MISSING:
            return "missing"
        case ShapeFault.NOT_TEXT:
            return "has a character that is not text"
        case ShapeFault.TOO_LONG:
            return f"longer than {arguments[0]} characters"
        case ShapeFault.NOT_GUIDS:
            return f"must be 1 to {arguments[0]} GUIDs separated by commas"
        case ShapeFault.NOT_A_TIME:
            return "must be a UTC time as yyyyMMddHHmmss"
        case ShapeFault.UNDEFINED:
            return f"not a known {arguments[0]}"
        case _:
            assert_never(fault)


_SENTENCES: Final[Mapping[type[Reason], tuple[str, Callable[[Any, Arguments], str]]]] = {
    TextFault: ("XML cannot be read: ", xml_text_sentence),
    XmlFault: ("XML cannot be read: ", xml_sentence),
    MemberFault: ("XML cannot be read: ", xml_member_sentence),
    JsonFault: ("JSON cannot be read: ", json_sentence),
    FormFault: ("form cannot be read: ", form_sentence),
    ConversionFault: ("", conversion_sentence),
    ShapeFault: ("", _shape),
    Skipped: ("", _skipped),
}
"""Enum of reasons -> how the sentence starts, and what tells each reason."""

_PREDICATES: Final = {JsonFault.NOT_TEXT, JsonFault.NOT_A_NUMBER}
"""Reasons whose sentence has the member as its subject, without a colon."""
