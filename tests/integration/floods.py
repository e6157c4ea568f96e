"""Attacks that are made here because they are long, or no text: name -> body. Those kept as files are in tests/vectors/attacks."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import Final

from tests.fakes import signed
from tests.wire import members_of, write_form, write_json, write_xml

LONGEST: Final = 64 * 1024
"""The longest body that is read."""

_OPEN = "<TicketRefundRequest xmlns='http://schemas.datacontract.org/2004/07/ChinaTrainTickets.Web.Areas.webApi.Models'"
_CLOSE = "</order_number></TicketRefundRequest>"
_ENCODINGS = {
    "UTF-16LE": (b"", "utf-16-le"),
    "UTF-16BE": (b"", "utf-16-be"),
    "UTF-16LE with a mark": (codecs.BOM_UTF16_LE, "utf-16-le"),
    "UTF-16BE with a mark": (codecs.BOM_UTF16_BE, "utf-16-be"),
    "UTF-32LE with a mark": (codecs.BOM_UTF32_LE, "utf-32-le"),
    "UTF-32BE": (b"", "utf-32-be"),
    "UTF-32BE with a mark": (codecs.BOM_UTF32_BE, "utf-32-be"),
    "UTF-8 with two marks": (codecs.BOM_UTF8 * 2, "utf-8"),
    "UTF-8 with the mark of UTF-16": (codecs.BOM_UTF16_LE, "utf-8"),
    "UTF-7": (b"", "utf-7"),
    "EBCDIC": (b"", "cp037"),
}


def floods() -> dict[str, bytes]:
    """Every body that is not longer than what is read."""
    bodies = {**dict(_xml()), **dict(_json()), **dict(_forms()), **dict(_encoded()), **dict(_scalars())}
    assert all(len(body) <= LONGEST for body in bodies.values())
    return bodies


def _numbered(pattern: str) -> str:
    """As many pieces as a body can hold beside a document around them, each with its number where the # is."""
    pieces, left = [], LONGEST - 300
    for number in range(LONGEST):
        piece = pattern.replace("#", str(number))
        left -= len(piece)
        if left < 0:
            break
        pieces.append(piece)
    return "".join(pieces)


def _document(attributes: str = "", *, content: str = "", number: str = "x") -> bytes:
    """A request with attributes in its root, content before its first member, and this order number."""
    return f"{_OPEN}{attributes}>{content}<order_number>{number}{_CLOSE}".encode()


def _xml() -> Iterator[tuple[str, bytes]]:
    declared = f"<!DOCTYPE a [<!ENTITY a '{'a' * 30_000}'>]>".encode()
    yield "quadratic blow-up", declared + _document(number="&a;" * 8_000)
    yield "attributes", _document(_numbered(" a#=''"))
    yield "namespaces", _document(_numbered(" xmlns:n#='u#'"))
    yield "elements of one name", _document(content=_numbered("<a/>"))
    yield "elements of new names", _document(content=_numbered("<a#/>"))
    yield "the same member again", _document(content=_numbered("<order_number/>"))
    yield "depth, closed", b"<a>" * 9_000 + b"</a>" * 9_000
    yield "depth, open", b"<a>" * 21_000
    yield "depth of namespaces", _numbered("<a xmlns='u#'>").encode()
    yield "one long name", b"<" + b"a" * 65_000 + b"/>"
    yield "one long attribute", _document(f" a='{'b' * 60_000}'")
    yield "references", _document(number="&#x41;&amp;" * 5_000)
    yield "comments", _document(content=_numbered("<!---->"))
    yield "processing instructions", _document(content=_numbered("<?p#?>"))
    yield "empty CDATA", _document(number=_numbered("<![CDATA[]]>"))
    yield "blanks between elements", _document(content=_numbered(" " * 17 + "<a/>"))
    yield "undeclared entities", _document(number=_numbered("&e#;"))


def _json() -> Iterator[tuple[str, bytes]]:
    yield "arrays, open", b"[" * 65_000
    yield "arrays, closed", b"[" * 32_000 + b"]" * 32_000
    yield "objects, open", b'{"a":' * 13_000
    yield "objects in a member", b'{"order_number":' + b'{"a":' * 9_000 + b"1" + b"}" * 9_001
    yield "small containers, 255 levels down", b"[" * 255 + b"{}," * 20_000 + b"{}" + b"]" * 255
    yield "the same member of another kind", b'{"terminal":1' + b',"terminal":{"$value":1}' * 2_700 + b"}"
    yield "members of new names", ("{" + _numbered('"a#":1,') + '"z":1}').encode()
    yield "a number of many digits", b'{"random":' + b"9" * 65_000 + b"}"
    yield "a fraction of many digits", b'{"random":0.' + b"0" * 65_000 + b"1}"
    yield "an exponent of many digits", b'{"random":1e' + b"9" * 65_000 + b"}"
    yield "escapes", b'{"order_number":"' + b"\\u0041" * 10_900 + b'"}'
    yield "a text that does not end", b'{"order_number":"' + b"\\" * 65_000


def _forms() -> Iterator[tuple[str, bytes]]:
    yield "ampersands", b"&" * 65_000
    yield "equals signs", b"=" * 65_000
    yield "fields of new names", _numbered("a#=1&").encode()
    yield "the same field again", b"order_number=x&" * 4_300
    yield "percents", b"order_number=" + b"%" * 65_000
    yield "bytes that are no UTF-8", b"\xff" * 65_000 + b"=1"
    yield "brackets in a name", b"a" + b"[b]" * 21_000 + b"=1"


def _encoded() -> Iterator[tuple[str, bytes]]:
    """A request that holds, of an order there is not, in every encoding that a reader might guess."""
    members = members_of(signed("an order that nobody booked", random=1))
    for wire_format, body in (
        ("JSON", write_json(members)),
        ("XML", write_xml(members)),
        ("form", write_form(members)),
    ):
        for name, (mark, encoding) in _ENCODINGS.items():
            yield f"{wire_format} in {name}", mark + body.decode().encode(encoding)


def _scalars() -> Iterator[tuple[str, bytes]]:
    """For the inside of members above all: numbers, texts and spellings that a lenient reader takes."""
    numbers = "2147483648 -2147483649 9223372036854775808 1e400 -0 1.0 1e0 0x1 0b1 1_0 +1 01 ١٢ １２３４５ NaN Infinity -1 true null"
    for number in numbers.split():
        yield f"the number {number}", number.encode()
    yield "a number of 5,000 digits", b"9" * 5_000
    for name, text in {
        "NUL": "a\0b",
        "C0": "".join(map(chr, range(1, 32))),
        "a lone surrogate": "\ud800",
        "surrogates the wrong way round": "\udc00\ud800",
        "noncharacters": "\ufffe\uffff\U0010ffff",
        "a time stamp of 13 digits": "2026112308102",
        "a time stamp in wide digits": "２０２６１１２３０８１０２２",
        "30 February": "20260230000000",
        "an id in braces": "{3288010f-2d18-4900-890e-68025c5c3130}",
        "ten thousand ids": "3288010f-2d18-4900-890e-68025c5c3130," * 1_700,
        "a percent and its digits": "%s%n%x %00",
    }.items():
        yield name, text.encode("utf-8", "surrogatepass")
        yield f"{name}, as JSON text", json.dumps(text).encode()
