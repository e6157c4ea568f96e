"""Why JSON or a form is refused, as a whole or in one member. The arguments of each reason are in brackets."""

from __future__ import annotations

from xml_contracts.reading import Reason


class ConversionFault(Reason):
    """A value does not convert. Its member keeps the value it had, and the rest is read."""

    NOT_INT32 = "not a 32-bit integer"
    NOT_OF_ENUM = "not a value of the enum"  # (name of the enum)
    NULL = "must not be null"
    BLANK = "a value is required"
    TOO_LARGE_FOR_DOUBLE = "not a number that a double can hold"
    STOP_IN_UNKNOWN = "a number out of range, or nested too deeply, in an unknown member"


class JsonFault(Reason):
    """The body is not the JSON that the contract describes, or Json.NET would give up in it."""

    OTHER_ENCODING = "bytes that the encoding does not have"  # (index of the byte, encoding)
    NOT_JSON = "not JSON"
    NOT_JSON_AT = "not JSON at a character"  # (index of the character)
    UNBALANCED = "brackets do not match"
    NOT_AN_OBJECT = "an object expected"
    NOT_TEXT = "must be text"
    NOT_A_NUMBER = "must be a number"
    VALUE_IS_NOT_LAST = "$value must be the last member"
    VALUES_OF_A_LIST = "$values: an object expected, not a list"
    REFERENCE_IS_NO_TEXT = "$ref must be text or null"
    REFERENCE_IS_NOT_ALONE = "$ref must be the only member"
    STOP = "a number out of range, or nested too deeply"


class FormFault(Reason):
    """The body is not a form."""

    OPEN_BRACKET = "a name has [ without ]"
