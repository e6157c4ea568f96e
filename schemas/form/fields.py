"""marshmallow fields: how a string, an int and an enum are taken from a form (wire-facts 8.6-8.8).

A value that does not convert raises NotConverted. Its member then keeps its default, and the rest is read.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final

from xml_contracts.contract import Member

from ..build import FieldVisitor, MemberField, NotConverted, Visitor
from ..conversions import WHITE_SPACE, EnumText, read_form_int32
from ..reasons import ConversionFault


class FormString(MemberField[str]):
    """Text as it is; ConvertEmptyStringToNull makes blank text null."""

    def _deserialize(self, value: str, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return value if value.strip(WHITE_SPACE) else None


class FormInteger(MemberField[int]):
    """A 32-bit integer, decimal or hexadecimal."""

    def _deserialize(self, value: str, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not value.strip(WHITE_SPACE):
            raise NotConverted(ConversionFault.BLANK)
        try:
            return read_form_int32(value)
        except ValueError:
            raise NotConverted(ConversionFault.NOT_INT32) from None


class FormEnum(MemberField[int]):
    """An enum by names and numbers; undefined numbers are kept."""

    def __init__(self, member: Member) -> None:
        super().__init__(member)
        self._text = EnumText(member.type)
        self._enum_name = member.type.__name__

    def _deserialize(self, value: str, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not value.strip(WHITE_SPACE):
            raise NotConverted(ConversionFault.BLANK)
        number = self._text.find_form(value)
        if number is None:
            raise NotConverted(ConversionFault.NOT_OF_ENUM, self._enum_name)
        return number


FORM: Final[FieldVisitor] = Visitor("form", {str: FormString, int: FormInteger, IntEnum: FormEnum})
