"""ALL English that clients read about problems with a request. Another language is another such module.

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

from .domain import Refusal
from .rules import ShapeFault

CANCELLED: Final = "Cancelled"
SIGNATURE_REJECTED: Final = "Signature rejected"
TRY_AGAIN: Final = "Try again"

MOST_IGNORED: Final = 10

Arguments = tuple[str | int, ...]


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


def _conversion(fault: ConversionFault, arguments: Arguments) -> str:
    match fault:
        case ConversionFault.NOT_INT32:
            return "not a 32-bit integer"
        case ConversionFault.NOT_OF_ENUM:
            return f"not a {arguments[0]}"
        case ConversionFault.NULL:
            return "must not be null"
        case ConversionFault.BLANK:
            return "a value is required"
        case ConversionFault.TOO_LARGE_FOR_DOUBLE:
            return "not a number that a double can hold"
        case ConversionFault.STOP_IN_UNKNOWN:
            return "a number out of range, or nested too deeply"
        case _:
            assert_never(fault)


def _json(fault: JsonFault, arguments: Arguments) -> str:
    match fault:
        case JsonFault.OTHER_ENCODING:
            return f"byte {arguments[0]} is not {arguments[1]}"
        case JsonFault.NOT_JSON:
            return "not JSON"
        case JsonFault.NOT_JSON_AT:
            return f"not JSON at character {arguments[0]}"
        case JsonFault.UNBALANCED:
            return "not JSON: brackets do not match"
        case JsonFault.NOT_AN_OBJECT:
            return "an object expected"
        case JsonFault.NOT_TEXT:
            return "must be text"
        case JsonFault.NOT_A_NUMBER:
            return "must be a number"
        case JsonFault.VALUE_IS_NOT_LAST:
            return "$value must be the last member"
        case JsonFault.VALUES_OF_A_LIST:
            return "$values: an object expected, not a list"
        case JsonFault.REFERENCE_IS_NO_TEXT:
            return "$ref must be text or null"
        case JsonFault.REFERENCE_IS_NOT_ALONE:
            return "$ref must be the only member"
        case JsonFault.STOP:
            return "a number out of range, or nested too deeply"
        case _:
            assert_never(fault)


def _form(fault: FormFault, arguments: Arguments) -> str:
    match fault:
        case FormFault.OPEN_BRACKET:
            return "a name has [ without ]"
        case _:
            assert_never(fault)


def _xml_text(fault: TextFault, arguments: Arguments) -> str:
    match fault:
        case TextFault.OTHER_ENCODING:
            return f"expected encoding {arguments[0]}, the document is {arguments[1]}"
        case TextFault.INVALID_BYTES:
            return f"invalid {arguments[0]} at byte {arguments[1]}"
        case TextFault.SECOND_BYTE_ORDER_MARK:
            return "a second byte order mark"
        case TextFault.BAD_DECLARATION:
            return "malformed XML declaration, or a processing instruction"
        case TextFault.OTHER_ENCODING_DECLARED:
            return f"declared encoding {arguments[0]!r}, the document is {arguments[1]}"
        case TextFault.INSTRUCTION_OR_DOCTYPE:
            return "a processing instruction or DOCTYPE"
        case _:
            assert_never(fault)


def _xml(fault: XmlFault, arguments: Arguments) -> str:
    match fault:
        case XmlFault.NOT_WELL_FORMED:
            return f"not well-formed XML: line {arguments[0]}, column {arguments[1]}"
        case XmlFault.TOO_DEEP:
            return f"more than 256 levels deep: line {arguments[0]}, column {arguments[1]}"
        case XmlFault.OTHER_ROOT:
            sent, expected = (f"{name!r} in namespace {ns!r}" for name, ns in (arguments[:2], arguments[2:]))
            return f"root element {sent}, expected {expected}"
        case XmlFault.ROOT_IS_REFERENCE:
            return f"{arguments[0]}: no z:Id {arguments[1]!r} before it"
        case XmlFault.ROOT_OF_UNKNOWN_TYPE:
            return f"{arguments[0]}: unknown i:type {arguments[1]!r}"
        case XmlFault.TEXT_OUTSIDE_MEMBERS:
            return f"text {arguments[0]!r} outside the members"
        case XmlFault.NIL_IS_NO_BOOLEAN:
            return f"i:nil: {arguments[0]!r} is not a boolean"
        case XmlFault.BAD_SIZE:
            return f"z:Size: {arguments[0]!r} is not a size"
        case XmlFault.EMPTY_ATTRIBUTE:
            return f"{arguments[0]} is empty"
        case _:
            assert_never(fault)


def _xml_member(fault: MemberFault, arguments: Arguments) -> str:
    match fault:
        case MemberFault.ELEMENT_INSIDE:
            return "an element inside, expected text"
        case MemberFault.VALUE_TYPE_CANNOT_REFER:
            return "a value type has no i:nil, z:Id or z:Ref"
        case MemberFault.UNKNOWN_REFERENCE:
            return f"no z:Id {arguments[0]!r} before it, or not of its type"
        case MemberFault.REPEATED_ID:
            return f"z:Id {arguments[0]!r} is not unique"
        case MemberFault.UNKNOWN_TYPE:
            return f"unknown i:type {arguments[0]!r}"
        case MemberFault.NOT_INT32:
            return f"The value {arguments[0]!r} cannot be parsed as the type 'Int32'."
        case MemberFault.INT32_OUT_OF_RANGE:
            return f"The value {arguments[0]!r} is out of the range of the type 'Int32'."
        case MemberFault.NOT_AN_ENUM_NAME:
            return f"Invalid enum value {arguments[0]!r} cannot be deserialized into {arguments[1]}."
        case _:
            assert_never(fault)


_SENTENCES: Final[Mapping[type[Reason], tuple[str, Callable[[Any, Arguments], str]]]] = {
    TextFault: ("XML cannot be read: ", _xml_text),
    XmlFault: ("XML cannot be read: ", _xml),
    MemberFault: ("XML cannot be read: ", _xml_member),
    JsonFault: ("JSON cannot be read: ", _json),
    FormFault: ("form cannot be read: ", _form),
    ConversionFault: ("", _conversion),
    ShapeFault: ("", _shape),
    Skipped: ("", _skipped),
}
"""Enum of reasons -> how the sentence starts, and what tells each reason."""

_PREDICATES: Final = {JsonFault.NOT_TEXT, JsonFault.NOT_A_NUMBER}
"""Reasons whose sentence has the member as its subject, without a colon."""
