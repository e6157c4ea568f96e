"""Why a document is refused. The arguments of each reason are in brackets; long texts in them are cut."""

from __future__ import annotations

from .reading import Reason


class TextFault(Reason):
    """The bytes are not text that can be a document."""

    OTHER_ENCODING = "not in the encoding expected"  # (encoding expected, encoding of the document)
    INVALID_BYTES = "bytes that the encoding does not have"  # (encoding, index of the byte)
    SECOND_BYTE_ORDER_MARK = "a second byte order mark"
    BAD_DECLARATION = "malformed XML declaration, or a processing instruction"
    OTHER_ENCODING_DECLARED = "declared in another encoding"  # (encoding declared, encoding of the document)
    INSTRUCTION_OR_DOCTYPE = "a processing instruction or DOCTYPE"


class XmlFault(Reason):
    """The text is not the XML that the contract describes."""

    NOT_WELL_FORMED = "not well-formed XML"  # (line, column)
    TOO_DEEP = "more than 256 levels deep"  # (line, column)
    OTHER_ROOT = "another root element"  # (name, namespace, name expected, namespace expected)
    ROOT_IS_REFERENCE = "the root is a z:Ref"  # (name of the contract, reference)
    ROOT_OF_UNKNOWN_TYPE = "the root has an unknown i:type"  # (name of the contract, type)
    TEXT_OUTSIDE_MEMBERS = "text outside the members"  # (text)
    NIL_IS_NO_BOOLEAN = "i:nil is not a boolean"  # (text)
    BAD_SIZE = "z:Size is not a size"  # (text)
    EMPTY_ATTRIBUTE = "empty attribute"  # (name of the attribute)


class MemberFault(Reason):
    """The element of a member, or its text, is not as the contract describes it."""

    ELEMENT_INSIDE = "an element inside, expected text"
    VALUE_TYPE_CANNOT_REFER = "a value type has no i:nil, z:Id or z:Ref"
    UNKNOWN_REFERENCE = "no such z:Id before it, or not of its type"  # (reference)
    REPEATED_ID = "z:Id is not unique"  # (id)
    UNKNOWN_TYPE = "unknown i:type"  # (type)
    NOT_INT32 = "not an Int32"  # (text)
    INT32_OUT_OF_RANGE = "out of the range of an Int32"  # (text)
    NOT_AN_ENUM_NAME = "not a name of the enum"  # (text, name of the enum)
