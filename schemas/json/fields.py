"""marshmallow fields: how a string, an int and an enum are taken from JSON, as Json.NET 11.0.2 takes them.

Two things can be wrong with a value (wire-facts 6.7-6.9). If it does not convert, NotConverted is raised: the member
keeps what it had, and the rest is read. If Json.NET cannot go on behind it, DocumentError is raised: nothing is read.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Any, Final

from xml_contracts.contract import Member
from xml_contracts.errors import DocumentError
from xml_contracts.primitives import find_int32

from ..build import FieldVisitor, MemberField, NotConverted, Visitor
from ..conversions import EnumText
from ..reasons import ConversionFault, JsonFault
from .tokens import Integer, Pairs, Real, past_metadata, replace_lone_surrogates


class JsonString(MemberField[str]):
    """Text; a number as its raw text, a boolean as its name."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if type(value) is str:
            return value if value.isascii() else replace_lone_surrogates(value)
        if isinstance(value, str):  # Integer or Real
            if math.isinf(float(value)):
                raise NotConverted(ConversionFault.TOO_LARGE_FOR_DOUBLE)
            return str(value)
        if isinstance(value, bool):
            return "true" if value else "false"
        raise DocumentError(JsonFault.NOT_TEXT, member=attr)


class JsonInteger(MemberField[int]):
    """A 32-bit integer, as a number or quoted."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, str):
            raise DocumentError(JsonFault.NOT_A_NUMBER, member=attr)
        number = None if isinstance(value, Real) else find_int32(value)
        if number is None:
            raise NotConverted(ConversionFault.NOT_INT32)
        return number


class JsonEnum(MemberField[int]):
    """An enum as a number, a boolean or text; undefined numbers are kept."""

    def __init__(self, member: Member) -> None:
        super().__init__(member)
        self._text = EnumText(member.type)
        self._enum_name = member.type.__name__

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, Integer):
            return self._from_integer(value)
        if isinstance(value, bool):
            return self._text.value(value)
        if isinstance(value, str) and not isinstance(value, Real):
            return self._from_text(value)
        if isinstance(value, tuple):
            return self._from_object(value, attr)
        raise self._not_of_enum()

    def _not_of_enum(self) -> NotConverted:
        return NotConverted(ConversionFault.NOT_OF_ENUM, self._enum_name)

    def _from_text(self, text: str) -> int:
        number = self._text.find_json(text)
        if number is None:
            raise self._not_of_enum()
        return number

    def _from_integer(self, value: Integer) -> int:
        # Enum.ToObject(Type, Int64) keeps the lower 32 bits (wire-facts 6.9), but refuses a BigInteger.
        number = int(value) if len(value) <= 20 else 2**63
        if not -(2**63) <= number < 2**63:
            raise self._not_of_enum()
        return self._text.value(number)

    def _from_object(self, pairs: Pairs, attr: str | None) -> int:
        # JsonSerializerInternalReader.CreateObject: {"$value": 1} is the value 1.
        try:
            model = past_metadata(pairs)
        except DocumentError:
            raise self._not_of_enum() from None
        rest = model.members if model else ()
        if not rest or rest[0][0] != "$value" or isinstance(rest[0][1], tuple):
            raise self._not_of_enum()
        number = self._deserialize(rest[0][1], attr, None)
        if len(rest) > 1:
            raise DocumentError(JsonFault.VALUE_IS_NOT_LAST, member=attr)
        return number


JSON: Final[FieldVisitor] = Visitor("JSON", {str: JsonString, int: JsonInteger, IntEnum: JsonEnum})
