"""JSON bytes <-> an instance of a data contract, as Json.NET 11.0.2 reads and writes (wire-facts sections 6 and 7).

Anything that is not RFC 8259 is a DocumentError. Json.NET takes more than that, which is not followed (ADR 0004).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from enum import IntEnum
from operator import attrgetter
from typing import Any, Final

from xml_contracts.contract import Contract, Member
from xml_contracts.errors import DocumentError, ValueNotWritable
from xml_contracts.primitives import write_int32, write_string
from xml_contracts.reading import IgnoredMembers, Problem, Reading

from ..build import ContractSchema, MemberField, Visitor
from ..reasons import ConversionFault, JsonFault
from .tokens import (
    MAX_DEPTH,
    Integer,
    Model,
    Real,
    count_stops,
    past_metadata,
    read_tokens,
    replace_lone_surrogates,
)

_CONTAINERS: Final = {list, tuple}
_NUMBERS: Final = {Integer, Real}
_LARGE: Final = Real("1e999")  # no double holds it
_JSON_SPACE: Final = " \t\n\r"
# StreamReader.DetectEncoding. Of two marks that begin alike, the longer one comes first.
_BYTE_ORDER_MARKS: Final = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_ALL_MARKS: Final = tuple(mark for mark, _ in _BYTE_ORDER_MARKS)
# JavaScriptUtils: controls below U+0020, quote, backslash, and three ends of lines; nothing else (wire-facts 7.2).
_ESCAPES: Final = {
    **{code: f"\\u{code:04x}" for code in (*range(0x20), 0x85, 0x2028, 0x2029)},
    **{ord(char): "\\" + letter for char, letter in zip('"\\\b\f\n\r\t', '"\\bfnrt', strict=True)},
}

_ESCAPED: Final = re.compile(r'["\\\x00-\x1f\x85\u2028\u2029]')


def read_json(schema: ContractSchema, body: bytes, charset: str) -> Reading[Any]:
    """The instance in a JSON body. `charset` is utf-8 or utf-16; a byte order mark beats it."""
    text = _decode(body, charset)
    if not text.strip(_JSON_SPACE):
        return Reading(None)
    root = read_tokens(text)
    if root in (None, ""):
        return Reading(None)
    if not isinstance(root, tuple):
        raise DocumentError(JsonFault.NOT_AN_OBJECT)
    model = past_metadata(root)
    return Reading(None) if model is None else _read_members(schema, model)


def _decode(body: bytes, charset: str) -> str:
    mark, encoding = b"", "utf-16-le" if charset == "utf-16" else "utf-8"
    if charset == "utf-16" and body.startswith(b"\xff\xfe"):
        mark = b"\xff\xfe"  # the byte order mark of the charset itself is looked for first
    elif body.startswith(_ALL_MARKS):
        mark, encoding = next(m for m in _BYTE_ORDER_MARKS if body.startswith(m[0]))
    try:
        return body[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        raise DocumentError(JsonFault.OTHER_ENCODING, error.start + len(mark), encoding) from None


def _read_members(schema: ContractSchema, model: Model) -> Reading[Any]:
    known: list[tuple[MemberField[Any], Any]] = []
    unknown: list[str] = []
    passed_over: list[Any] = []
    for name, value in model.members:
        field = schema.find(name)
        if field is None:
            unknown.append(name)
            passed_over.append(value)
            continue
        if type(value) in _CONTAINERS:
            stops = _stops_in(value, model.level)
            if stops > (model.level == MAX_DEPTH):
                raise DocumentError(JsonFault.STOP, member=field.member_name)
            value = _LARGE if stops else value  # the reader stopped at the container, and once is like a number
        known.append((field, value))
    if not unknown:
        return schema.read(known)
    stopped = _pass_over(passed_over, model.level)
    reading = schema.read(known)
    errors = (*reading.errors, Problem(None, ConversionFault.STOP_IN_UNKNOWN)) if stopped else reading.errors
    return replace(reading, errors=errors, ignored=(*reading.ignored, *_ignored(unknown)))


def _stops_in(container: Any, level: int) -> int:
    """The stops in a member of the model, which is on this level."""
    return count_stops(container, level + 1) if container or level == MAX_DEPTH else 0


def _pass_over(values: list[Any], level: int) -> bool:
    """Whether Json.NET's reader stops in one of these unknown members (see tokens.py for what a stop is).

    DocumentError: a member has two stops, after which JsonReader.Skip gives up.
    """
    stopped = False
    for value in values:
        kind = type(value)
        if kind in _NUMBERS:
            stopped = stopped or value.stops_reader
        elif kind in _CONTAINERS:
            stops = _stops_in(value, level)
            if stops > 1:
                raise DocumentError(JsonFault.STOP)
            stopped |= stops == 1
    return stopped


def _ignored(names: Iterable[str]) -> tuple[Problem, ...]:
    ignored = IgnoredMembers()
    for name in names:
        ignored.add_unknown(name if name.isascii() else replace_lone_surrogates(name))
    return ignored.problems()


class JsonWriter:
    """Writes the instances of one contract. All that does not depend on a value is made once, by the constructor."""

    def __init__(self, contract: Contract) -> None:
        """DeclarationError: a member that JSON cannot carry."""
        self._slots = [
            (f"{_quoted(m.name)}:", attrgetter(m.attribute), _LITERALS.visit(m), f"{contract.name}.{m.name}")
            for m in contract.declared
        ]

    def write(self, value: Any, charset: str) -> bytes:
        """The bytes of an instance, derived class first (wire-facts 7.1). ValueNotWritable: a value of another type."""
        pieces = []
        for start, value_of, literal, where in self._slots:
            try:
                pieces.append(start + literal(value_of(value)))
            except ValueError as error:
                raise ValueNotWritable(f"{where}: {error}") from None
        return _encoded("{" + ",".join(pieces) + "}", charset)


def write_object(members: Iterable[tuple[str, str]], charset: str) -> bytes:
    """An object of names and texts, in the order given. ValueNotWritable: a lone surrogate."""
    return _encoded("{" + ",".join(f"{_quoted(name)}:{_quoted(text)}" for name, text in members) + "}", charset)


def _encoded(text: str, charset: str) -> bytes:
    mark, encoding = (b"\xff\xfe", "utf-16-le") if charset == "utf-16" else (b"", "utf-8")
    try:
        return mark + text.encode(encoding)
    except UnicodeEncodeError as error:
        raise ValueNotWritable(f"lone surrogate U+{ord(text[error.start]):04X}") from None


def _quoted(text: str) -> str:
    return f'"{text.translate(_ESCAPES) if _ESCAPED.search(text) else text}"'


def _string_literal(member: Member) -> Callable[[Any], str]:
    return lambda value: "null" if value is None else _quoted(write_string(value))


def _integer_literal(member: Member) -> Callable[[Any], str]:
    return write_int32


_LITERALS: Final = Visitor("JSON", {str: _string_literal, int: _integer_literal, IntEnum: _integer_literal})
