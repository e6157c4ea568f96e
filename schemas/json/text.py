"""JSON bytes <-> an instance of a data contract: what Json.NET 11.0.2 makes of RFC 8259, and writes.

Anything that is not RFC 8259 is a DocumentError; the legacy's lenient grammar is not followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from xml_contracts.contract import Contract
from xml_contracts.errors import DocumentError, ValueNotWritable

from ..build import ContractSchema, Reading
from .tokens import Pairs, count_stops, past_metadata, read_tokens

_JSON_SPACE: Final = " \t\n\r"
# StreamReader.DetectEncoding; the longer of two that begin alike comes first.
_BYTE_ORDER_MARKS: Final = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
# JavaScriptUtils: C0, quote and backslash, and the three that end a line in JavaScript; nothing else.
_ESCAPES: Final = {
    **{code: f"\\u{code:04x}" for code in (*range(0x20), 0x85, 0x2028, 0x2029)},
    **{ord(char): "\\" + letter for char, letter in zip('"\\\b\f\n\r\t', '"\\bfnrt', strict=True)},
}

_ESCAPED: Final = re.compile(r'["\\\x00-\x1f\x85\u2028\u2029]')

_STOP: Final = "a number out of range, or nested too deeply"


def read_json(schema: ContractSchema, body: bytes, charset: str) -> Reading:
    """The instance in a JSON body. `charset` is utf-8 or utf-16; a byte order mark beats it."""
    text = _decode(body, charset)
    if not text.strip(_JSON_SPACE):
        return Reading(None)
    root = read_tokens(text)
    if root in (None, ""):
        return Reading(None)
    if not isinstance(root, tuple):
        raise DocumentError("an object expected")
    members = past_metadata(root)
    return Reading(None) if members is None else _read_members(schema, members)


def _decode(body: bytes, charset: str) -> str:
    mark, encoding = b"", "utf-16-le" if charset == "utf-16" else "utf-8"
    if charset == "utf-16" and body.startswith(b"\xff\xfe"):
        mark = b"\xff\xfe"  # the charset's own preamble is looked for first
    else:
        mark, encoding = next((m for m in _BYTE_ORDER_MARKS if body.startswith(m[0])), (mark, encoding))
    try:
        return body[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        raise DocumentError(f"byte {error.start + len(mark)} is not {encoding}") from None


def _read_members(schema: ContractSchema, pairs: Pairs) -> Reading:
    known: list[tuple[str, Any]] = []
    skipped: list[Any] = []
    for name, value in pairs:
        member = schema.find(name)
        if member is None:
            skipped.append(value)
            continue
        if isinstance(value, list | tuple) and count_stops(value):
            raise DocumentError(f"{member}: {_STOP}")
        known.append((member, value))
    stopped = _pass_over(skipped)
    reading = schema.read(known)
    return reading._replace(errors=(*reading.errors, (None, _STOP))) if stopped else reading


def _pass_over(values: list[Any]) -> bool:
    """Whether the reader stopped in an unknown member; JsonReader.Skip does not survive a second stop in one."""
    stopped = False
    for value in values:
        stops = 0 if type(value) is str else count_stops(value)
        if stops > 1:
            raise DocumentError(_STOP)
        stopped |= stops == 1
    return stopped


def write_json(contract: Contract, value: Any, charset: str) -> bytes:
    """An instance of the contract, derived class first. ValueNotWritable: a lone surrogate."""
    return write_object(((m.name, getattr(value, m.attribute)) for m in contract.declared), charset)


def write_object(members: Iterable[tuple[str, str | int | None]], charset: str) -> bytes:
    """An object of names and values, in the order given. ValueNotWritable: a lone surrogate."""
    text = "{" + ",".join(f"{_quoted(name)}:{_literal(value)}" for name, value in members) + "}"
    mark, encoding = (b"\xff\xfe", "utf-16-le") if charset == "utf-16" else (b"", "utf-8")
    try:
        return mark + text.encode(encoding)
    except UnicodeEncodeError as error:
        raise ValueNotWritable(f"lone surrogate U+{ord(text[error.start]):04X}") from None


def _literal(value: str | int | None) -> str:
    if value is None:
        return "null"
    return _quoted(value) if isinstance(value, str) else str(int(value))


def _quoted(text: str) -> str:
    return f'"{text.translate(_ESCAPES) if _ESCAPED.search(text) else text}"'
