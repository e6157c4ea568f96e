"""Bytes to text: the encoding gate, the XML declaration, and where reading ends.

The rule: what .NET refuses in the text itself is refused here (EncodingStreamWrapper, XmlUTF8TextReader),
so that the parser sees nothing but elements, text and comments.
"""

from __future__ import annotations

import re
from typing import Final
from xml.parsers import expat

from .errors import DocumentError

BLANK: Final = " \t\r\n"

# EncodingStreamWrapper.ReadBOMEncoding: everything else counts as UTF-8 (facts.md 4.3).
_SNIFFED: Final = {b"\xff\xfe": "utf-16LE", b"<\0": "utf-16LE", b"\xfe\xff": "utf-16BE", b"\0<": "utf-16BE"}
_EXPECTED: Final = {"utf-8": "utf-8", "utf-16": "utf-16LE"}
_DECLARABLE: Final = {"utf-8": {"utf-8"}, "utf-16LE": {"utf-16", "utf-16le"}}
# EncodingStreamWrapper.BufferLength: a declared encoding behind that many characters goes unseen.
_LOOKED_AT: Final = {"utf-8": 128, "utf-16LE": 127}

_DECLARATION = re.compile(
    r"""<\?xml [ \t\r\n]+ version [ \t\r\n]*=[ \t\r\n]* (?:"1\.0"|'1\.0')
        (?:[ \t\r\n]+ encoding [ \t\r\n]*(?P<equals>=)[ \t\r\n]*
            (?P<quote>["'])(?P<encoding>[A-Za-z][A-Za-z0-9._-]*)(?P=quote) )?
        (?:[ \t\r\n]+ standalone [ \t\r\n]*=[ \t\r\n]* (?:"(?:yes|no)"|'(?:yes|no)') )?
        [ \t\r\n]* \?>""",
    re.VERBOSE,
)

# In document order, so that a comment hides a CDATA section and the other way round.
_MARKUP = re.compile(r"<!--.*?(?:-->|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)|<[?!]", re.DOTALL)


def read_text(data: bytes, charset: str) -> str:
    """The document as text, its declaration blanked out; `charset` is `utf-8` or `utf-16` (little endian)."""
    encoding = _SNIFFED.get(data[:2], "utf-8")
    if encoding != _EXPECTED[charset]:
        raise DocumentError(f"expected encoding {_EXPECTED[charset]}, the document is {encoding}")
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise DocumentError(f"invalid {encoding} at byte {error.start}") from None
    if text.startswith("\ufeff"):
        raise DocumentError("a second byte order mark")
    if text.startswith("<?"):
        text = _without_declaration(text, encoding)
    if "<!" in text or "<?" in text:
        text = _readable(text)
    if not text.isascii() and _has_tag_beyond_ascii(text):
        check_well_formed(text)  # libxml2 would take names that .NET refuses
    return text


def _without_declaration(text: str, encoding: str) -> str:
    declaration = _DECLARATION.match(text)
    if declaration is None:
        raise DocumentError("malformed XML declaration, or a processing instruction")
    looked_at = _LOOKED_AT[encoding]
    if -1 < declaration.start("equals") < looked_at:
        declared = declaration["encoding"]
        if declaration.end("encoding") >= looked_at or declared.lower() not in _DECLARABLE[encoding]:
            raise DocumentError(f"declared encoding {declared[:40]!r}, the document is {encoding}")
    return " " * declaration.end() + text[declaration.end() :]


def _readable(text: str) -> str:
    """Up to the first processing instruction or DOCTYPE; a CR inside CDATA as a character reference.

    .NET refuses both wherever it reads them, but reads only one node after the root (ReadEndElement: facts.md 4.13):
    after white space or a comment anything may follow. Cut there; the parser refuses what is cut inside the root.
    A parser turns CR into LF in CDATA too, .NET keeps it (facts.md 4.9).
    """
    pieces: list[str] = []
    end = 0
    for match in _MARKUP.finditer(text):
        start, markup = match.start(), match[0]
        if len(markup) == 2:
            if not text.endswith((*BLANK, "-->"), 0, start):
                raise DocumentError("a processing instruction or DOCTYPE")
            return "".join(pieces) + text[end:start]
        if "\r" in markup and markup.startswith("<![CDATA["):
            pieces += text[end:start], markup.replace("\r", "]]>&#13;<![CDATA[")
            end = match.end()
    return "".join(pieces) + text[end:]


def _has_tag_beyond_ascii(text: str) -> bool:
    """Whether a tag may have a name beyond ASCII; in a well-formed document a tag has no `<` inside."""
    return any(not piece.rpartition(">")[0].isascii() for piece in text.split("<") if not piece.isascii())


def check_well_formed(text: str) -> None:
    """By expat, whose names are those of XML 1.0 before its fifth edition, as in .NET (XmlConvert.VerifyNCName)."""
    try:
        expat.ParserCreate().Parse(text, True)
    except expat.ExpatError as error:
        raise DocumentError(f"not well-formed XML: line {error.lineno}, column {error.offset + 1}") from None
