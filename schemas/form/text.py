"""From an HTML form to an instance of a data contract, as JQueryMvcFormUrlEncodedFormatter does it.

The rules are in wire-facts section 8. A form is always read as UTF-8: neither the charset nor a byte order mark is
looked at (wire-facts 1.13).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from xml_contracts.errors import DocumentError
from xml_contracts.reading import IgnoredMembers, Problem, Reading, Skipped

from ..build import ContractSchema, MemberField
from ..reasons import FormFault

_ESCAPED = re.compile(r"((?:%[0-9a-fA-F]{2})+)")
# UTF8Encoding.GetChars of .NET Framework makes one U+FFFD of a lead byte and a second byte that is out of range;
# Python makes two (wire-facts 8.2).
_TWO_AS_ONE = re.compile(rb"\xe0[\x80-\x9f]|\xed[\xa0-\xbf]|\xf0[\x80-\x8f]|\xf4[\x90-\xbf]")


def read_form(schema: ContractSchema, body: bytes) -> Reading[Any]:
    """The instance in a form. DocumentError: a name with `[` and no `]` after it."""
    if not body:
        return Reading(None)
    first: dict[str, str] = {}
    again: set[str] = set()
    for pair in _decode(body).split("&"):
        name, _, value = pair.partition("=")
        if name in first:
            again.add(name)
        else:
            first[name] = value
    values: dict[MemberField[Any], str] = {}
    repeated: dict[str, None] = {}
    unknown: list[str] = []
    for name, value in first.items():
        field = schema.find(name)
        if field is None:  # most names need no unescaping, so they are looked up as they are first
            plain = _unescape(name)
            if (model_name := _model_name(plain)) != name:
                field = schema.find(model_name)
            if field is None:
                unknown.append(plain)
                continue
        if field in values or (again and name in again):
            repeated[field.member_name] = None
        if field not in values:
            values[field] = _unescape(value)
    reading = schema.read(values.items())
    return replace(reading, ignored=_ignored(repeated, unknown)) if repeated or unknown else reading


def _ignored(repeated: Iterable[str], unknown: Iterable[str]) -> tuple[Problem, ...]:
    ignored = IgnoredMembers()
    for member in repeated:
        ignored.add(member, Skipped.REPEATED_FIRST_COUNTS)
    for name in unknown:
        if name:  # `&&` is a pair without a name (wire-facts 8.1), which is no mistake to tell of
            ignored.add_unknown(name)
    return ignored.problems()


def _decode(data: bytes) -> str:
    return _TWO_AS_ONE.sub(b"\xff", data).decode("utf-8", "replace")


def _unescape(text: str) -> str:
    """UriQueryUtility.UrlDecode: `+` is a space; a % that begins no %XX stays as it is (wire-facts 8.1).

    All is decoded at once: text is whole characters, so it never makes one together with the bytes beside it.
    """
    text = text.replace("+", " ")
    if "%" not in text:
        return text
    pieces = _ESCAPED.split(text)
    if len(pieces) == 1:
        return text
    unescaped = [bytes.fromhex(piece.replace("%", "")) if at % 2 else piece.encode() for at, piece in enumerate(pieces)]
    return _decode(b"".join(unescaped))


def _model_name(name: str) -> str:
    """FormDataCollectionExtensions.NormalizeJQueryToMvc: `x[]` is x; `x[y]` is no member (wire-facts 8.3)."""
    if "[" not in name:
        return name
    if name.rfind("[") > name.rfind("]"):
        raise DocumentError(FormFault.OPEN_BRACKET)
    return name.replace("[]", "")
