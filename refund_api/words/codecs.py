"""What clients read about a body that a codec cannot read: a sentence for each reason that a codec gives."""

from __future__ import annotations

from typing import assert_never

from schemas.reasons import ConversionFault, FormFault, JsonFault
from xml_contracts.reasons import MemberFault, TextFault, XmlFault

Arguments = tuple[str | int, ...]
"""The facts of a problem, in the order that its reason declares."""


def conversion_sentence(fault: ConversionFault, arguments: Arguments) -> str:
    """What is said of a text that does not become the type of its member."""
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


def json_sentence(fault: JsonFault, arguments: Arguments) -> str:
    """What is said of a body that is no such JSON."""
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


def form_sentence(fault: FormFault, arguments: Arguments) -> str:
    """What is said of a body that is no such form."""
    match fault:
        case FormFault.OPEN_BRACKET:
            return "a name has [ without ]"
        case _:
            assert_never(fault)


def xml_text_sentence(fault: TextFault, arguments: Arguments) -> str:
    """What is said of bytes that are no text of XML."""
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


def xml_sentence(fault: XmlFault, arguments: Arguments) -> str:
    """What is said of a document that is no such request."""
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


def xml_member_sentence(fault: MemberFault, arguments: Arguments) -> str:
    """What is said of a member of a document."""
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
