"""marshmallow fields: how a string, an int and an enum are taken from JSON (Json.NET 11.0.2) and from a form.

A value that does not convert is a ValidationError and costs its member; a token that the legacy
reader could not get past is a DocumentError and costs the model (facts.md 6.7-6.9, 8.6-8.8).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final

from marshmallow import ValidationError, fields

from xml_contracts.errors import DocumentError
from xml_contracts.primitives import read_int32

from .conversions import WHITE_SPACE, EnumText, read_form_int32
from .json.tokens import Integer, Pairs, Real, past_metadata

NOT_INT32: Final = "not a 32-bit integer"
NO_VALUE: Final = "a value is required"
NULL: Final[dict[str, str | list[Any] | dict[Any, Any]]] = {"null": "must not be null"}

_SURROGATE = re.compile("[\ud800-\udfff]")


def _convert(read: Callable[[str], int], text: str, reason: str) -> int:
    try:
        return read(text)
    except ValueError:
        raise ValidationError(reason) from None


class JsonString(fields.Field[str]):
    """Text; a number as its raw text, a boolean as its name."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if isinstance(value, Integer | Real):
            if math.isinf(float(value)):
                raise ValidationError("not a number that a double can hold")
            return str(value)
        if isinstance(value, str):
            # JsonTextReader.ReadStringIntoBuffer: every lone surrogate escape is U+FFFD.
            return value if value.isascii() else _SURROGATE.sub("\ufffd", value)
        if isinstance(value, bool):
            return "true" if value else "false"
        raise DocumentError(f"{attr} must be text")


class JsonInteger(fields.Field[int]):
    """A 32-bit integer, as a number or quoted."""

    default_error_messages = NULL

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, str):
            raise DocumentError(f"{attr} must be a number")
        if isinstance(value, Real):
            raise ValidationError(NOT_INT32)
        return _convert(read_int32, value, NOT_INT32)


class JsonEnum(fields.Field[int]):
    """An enum as a number, a boolean or text; undefined numbers are kept."""

    default_error_messages = NULL

    def __init__(self, enum: type[IntEnum], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._text = EnumText(enum)
        self._reason = f"not a {enum.__name__}"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, Integer):
            return self._from_integer(value)
        if isinstance(value, bool):
            return self._text.value(value)
        if isinstance(value, str) and not isinstance(value, Real):
            return _convert(self._text.read_json, value, self._reason)
        if isinstance(value, tuple):
            return self._from_object(value, attr)
        raise ValidationError(self._reason)

    def _from_integer(self, value: Integer) -> int:
        # Enum.ToObject(Type, Int64) keeps the lower half; a BigInteger it refuses.
        number = int(value) if len(value) <= 20 else 2**63
        if not -(2**63) <= number < 2**63:
            raise ValidationError(self._reason)
        return self._text.value(number)

    def _from_object(self, pairs: Pairs, attr: str | None) -> int:
        # JsonSerializerInternalReader.CreateObject: a primitive may come as {"$value": …}.
        try:
            rest = past_metadata(pairs)
        except DocumentError:
            raise ValidationError(self._reason) from None
        if not rest or rest[0][0] != "$value" or isinstance(rest[0][1], tuple):
            raise ValidationError(self._reason)
        number = self._deserialize(rest[0][1], attr, None)
        if len(rest) > 1:
            raise DocumentError(f"{attr}: $value must be the last member")
        return number


class FormString(fields.Field[str]):
    """Text as it is; ConvertEmptyStringToNull makes blank text null."""

    def _deserialize(self, value: str, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return value if value.strip(WHITE_SPACE) else None


class FormInteger(fields.Field[int]):
    """A 32-bit integer, decimal or hexadecimal."""

    def _deserialize(self, value: str, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not value.strip(WHITE_SPACE):
            raise ValidationError(NO_VALUE)
        return _convert(read_form_int32, value, NOT_INT32)


class FormEnum(fields.Field[int]):
    """An enum by names and numbers; undefined numbers are kept."""

    def __init__(self, enum: type[IntEnum], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._text = EnumText(enum)
        self._reason = f"not a {enum.__name__}"

    def _deserialize(self, value: str, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not value.strip(WHITE_SPACE):
            raise ValidationError(NO_VALUE)
        return _convert(self._text.read_form, value, self._reason)
