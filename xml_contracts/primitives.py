"""PRIMITIVES: how each Python type is read from the text of an XML element, and written to it.

Both follow .NET's XmlConvert, not the rules of Python.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from .errors import ValueNotReadable
from .reasons import MemberFault

INT32_MIN: Final = -(2**31)
INT32_MAX: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Primitive:
    """How one type is spelled in XML. A member of a value type cannot be null and has no z:Id (wire-facts 4.22, 4.24).

    `read` raises ValueNotReadable, `write` ValueError.
    """

    xsd_name: str
    read: Callable[[str], Any]
    write: Callable[[Any], str]
    is_value_type: bool


# XmlConverter.ToInt32 -> Int32.Parse(NumberStyles.Integer, invariant): wire-facts 4.26.
_INT32 = re.compile(r"[\t\n\v\f\r ]*([+-]?)([0-9]+)[\t\n\v\f\r ]*\0*\Z")


def find_int32(text: str) -> int | None:
    """Text as .NET's Int32 with a leading sign and surrounding white space; None where .NET refuses it."""
    if len(text) < 10 and text.isascii() and text.isdigit():  # as nearly all are
        return int(text)
    match = _INT32.match(text)
    if match is None:
        return None
    digits = match[2].lstrip("0") or "0"
    if len(digits) > 10:
        return None
    value = int(match[1] + digits)
    return value if INT32_MIN <= value <= INT32_MAX else None


def read_int32(text: str) -> int:
    """The same; ValueNotReadable where .NET refuses it."""
    value = find_int32(text)
    if value is None:
        reason = MemberFault.INT32_OUT_OF_RANGE if _INT32.match(text) else MemberFault.NOT_INT32
        raise ValueNotReadable(reason, text[:40])
    return value


def write_int32(value: int) -> str:
    """The digits of an Int32, in any culture the same (wire-facts 5.8). ValueError: not an Int32."""
    if not isinstance(value, int) or not INT32_MIN <= value <= INT32_MAX:
        raise ValueError(f"{value!r:.40} is not an Int32")
    return int.__repr__(value)


def write_string(value: str) -> str:
    """The text itself; ValueError for anything but text."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r:.40} is not a string")
    return value


PRIMITIVES: Final[dict[type, Primitive]] = {
    str: Primitive("string", str, write_string, is_value_type=False),
    int: Primitive("int", read_int32, write_int32, is_value_type=True),
}


def enum_primitive(enum: type[IntEnum]) -> Primitive:
    """An enum is spelled by the exact name of a member; numbers and lists of names are refused (wire-facts 4.27)."""
    by_name = dict(enum.__members__)

    def read(text: str) -> IntEnum:
        try:
            return by_name[text]
        except KeyError:
            raise ValueNotReadable(MemberFault.NOT_AN_ENUM_NAME, text[:40], enum.__name__) from None

    def write(value: int) -> str:
        return enum(value).name

    return Primitive(enum.__name__, read, write, is_value_type=True)
