"""From text to values as .NET converts them, where JSON and forms differ from XML.

The functions that begin with `read` raise ValueNotReadable, a ValueError, for text that .NET refuses.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import IntEnum
from functools import reduce
from operator import or_
from typing import Final, cast

from xml_contracts.primitives import find_int32, read_int32

# What Char.IsWhiteSpace is true for. Python's str.strip() without an argument would also take U+001C to U+001F away.
WHITE_SPACE: Final = "".join(
    map(
        chr,
        (*range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000),
    )
)

# BaseNumberConverter takes one prefix away. Convert.ToInt32(…, 16) takes a plus sign and another 0x (wire-facts 8.7).
_HEX32 = re.compile(r"(?:#|0[xX]|&[hH])\+?(?:0[xX])?0*([0-9a-fA-F]{1,8})\Z")
_NUMBER_STARTS = frozenset("+-0123456789")


def fold(name: str) -> str:
    """Upper case as in StringComparison.OrdinalIgnoreCase: character by character, and no other becomes ASCII."""
    return name.upper() if name.isascii() else "".join(map(_upper, name))


def _upper(char: str) -> str:
    upper = char.upper()
    return upper if len(upper) == 1 and upper.isascii() == char.isascii() else char


def wrap_int32(number: int) -> int:
    """The lower 32 bits as a signed number: what an unchecked cast to int gives in C#."""
    return (number + 2**31) % 2**32 - 2**31


def read_form_int32(text: str) -> int:
    """Int32Converter: trimmed; hexadecimal after `#`, `0x` or `&h` (wire-facts 8.7). ValueNotReadable."""
    text = text.strip(WHITE_SPACE)
    hexadecimal = _HEX32.match(text)
    return wrap_int32(int(hexadecimal[1], 16)) if hexadecimal else read_int32(text)


class EnumText:
    """How text spells an enum: by name in any case, by number, or as a list of them that is combined by OR.

    What .NET refuses is None here and no exception: a body of 64 KiB may have thousands.
    """

    def __init__(self, enum: type[IntEnum]) -> None:
        self._enum = enum
        self._by_name = {fold(name): int(value) for name, value in reversed(list(enum.__members__.items()))}
        self._lengths = set(map(len, self._by_name))  # folding changes no length

    def value(self, number: int) -> int:
        """Enum.ToObject: the member of that number, or the number where none is defined."""
        number = wrap_int32(number)
        try:
            return self._enum(number)
        except ValueError:
            return number

    def find_json(self, text: str) -> int | None:
        """EnumUtils.ParseEnum: one number, or a list of names (wire-facts 6.9)."""
        text = text.strip(WHITE_SPACE)
        return self._value(find_int32(text) if text[:1] in _NUMBER_STARTS else _or_list(text, self._name))

    def find_form(self, text: str) -> int | None:
        """EnumConverter: a list of names and numbers (wire-facts 8.8)."""
        return self._value(_or_list(text, self._name_or_number))

    def _value(self, number: int | None) -> int | None:
        return None if number is None else self.value(number)

    def _name(self, text: str) -> int | None:
        # A text may have 64 KiB, and folding looks at every character.
        return self._by_name.get(fold(text)) if len(text) in self._lengths else None

    def _name_or_number(self, text: str) -> int | None:
        return find_int32(text) if text[:1] in _NUMBER_STARTS else self._name(text)


def _or_list(text: str, find: Callable[[str], int | None]) -> int | None:
    numbers = {find(part) for part in {part.strip(WHITE_SPACE) for part in text.split(",")}}
    return reduce(or_, cast(set[int], numbers)) if None not in numbers else None
