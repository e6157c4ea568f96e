"""Bytes to text: the encoding gate, the XML declaration, and where reading ends.

libxml2 reads more than .NET does: other encodings, a DOCTYPE, processing instructions, what stands behind the root. So
everything that .NET refuses in the text itself (EncodingStreamWrapper, XmlUTF8TextReader) is refused here, and the
parser sees nothing but elements, text and comments. The steps, in the order of `read_text`:

1. The encoding is guessed from the first two bytes, as .NET guesses, and must be the one that the request announced.
2. The bytes are decoded strictly. One byte order mark is taken away; a second one is refused.
3. The XML declaration is matched as .NET parses it, and replaced by as many blanks, so that the line and column of a
   later error stay right.
4. The text is cut at the first `<?` or `<!` that is neither comment nor CDATA. .NET refuses those wherever it reads
   them, but reads only one node behind the root. In front of the root nothing is left for the parser to read, and it
   refuses; inside the root it misses the end tag, and refuses; behind the root the cut leaves a whole document.
5. A CR inside CDATA is written as a character reference, because the parser would make it a LF and .NET keeps it.
6. If a tag has a name beyond ASCII, expat judges the document too: libxml2 takes names that .NET refuses.
"""

from __future__ import annotations

import re
from typing import Final
from xml.parsers import expat

from .errors import DocumentError, ParserOutOfMemory
from .reasons import TextFault, XmlFault

BLANK: Final = " \t\r\n"

# EncodingStreamWrapper.ReadBOMEncoding: everything else counts as UTF-8 (wire-facts 4.3).
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

_NO_MEMORY: Final = expat.errors.codes[expat.errors.XML_ERROR_NO_MEMORY]

# In document order, so that a comment hides a CDATA section and the other way round.
_MARKUP = re.compile(r"<!--.*?(?:-->|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)|<[?!]", re.DOTALL)


def read_text(data: bytes, charset: str) -> str:
    """The document as text, its declaration blanked out; `charset` is `utf-8` or `utf-16` (little endian)."""
    encoding = _SNIFFED.get(data[:2], "utf-8")
    if encoding != _EXPECTED[charset]:
        raise DocumentError(TextFault.OTHER_ENCODING, _EXPECTED[charset], encoding)
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise DocumentError(TextFault.INVALID_BYTES, encoding, error.start) from None
    if text.startswith("\ufeff"):
        raise DocumentError(TextFault.SECOND_BYTE_ORDER_MARK)
    if text.startswith("<?"):
        text = _without_declaration(text, encoding)
    if "<!" in text or "<?" in text:
        text = _keep_cr_in_cdata(_until_instruction(text))
    if not text.isascii() and _has_tag_beyond_ascii(text):
        check_well_formed(text)  # libxml2 would take names that .NET refuses
    return text


def _without_declaration(text: str, encoding: str) -> str:
    declaration = _DECLARATION.match(text)
    if declaration is None:
        raise DocumentError(TextFault.BAD_DECLARATION)
    looked_at = _LOOKED_AT[encoding]
    if -1 < declaration.start("equals") < looked_at:
        declared = declaration["encoding"]
        if declaration.end("encoding") >= looked_at or declared.lower() not in _DECLARABLE[encoding]:
            raise DocumentError(TextFault.OTHER_ENCODING_DECLARED, declared[:40], encoding)
    return " " * declaration.end() + text[declaration.end() :]


def _until_instruction(text: str) -> str:
    """Up to the first processing instruction or DOCTYPE, which .NET refuses unless it stops before it.

    It stops after one node behind the root (ReadEndElement: wire-facts 4.13), so after white space or a comment
    anything may follow; whether the root has ended there is seen by the parser.
    """
    for match in _MARKUP.finditer(text):
        if len(match[0]) == 2:
            if not text.endswith((*BLANK, "-->"), 0, match.start()):
                raise DocumentError(TextFault.INSTRUCTION_OR_DOCTYPE)
            return text[: match.start()]
    return text


def _keep_cr_in_cdata(text: str) -> str:
    """A CR inside CDATA as a character reference: a parser makes it a LF, .NET keeps it (wire-facts 4.9)."""
    return _MARKUP.sub(_cdata_with_references, text) if "\r" in text and "<![CDATA[" in text else text


def _cdata_with_references(match: re.Match[str]) -> str:
    markup = match[0]
    return markup.replace("\r", "]]>&#13;<![CDATA[") if markup.startswith("<![CDATA[") else markup


def _has_tag_beyond_ascii(text: str) -> bool:
    """Whether a tag may have a name beyond ASCII; in a well-formed document a tag has no `<` inside."""
    return not "".join([piece.rpartition(">")[0] for piece in text.split("<") if not piece.isascii()]).isascii()


def check_well_formed(text: str) -> None:
    """By expat, whose names are those of XML 1.0 before its fifth edition, as in .NET (XmlConvert.VerifyNCName).

    Namespaces are checked too. The separator stands in no document, so it makes no two names equal.
    """
    try:
        expat.ParserCreate(namespace_separator="\1").Parse(text, True)
    except expat.ExpatError as error:
        if error.code == _NO_MEMORY:
            raise ParserOutOfMemory(str(error)) from error
        raise DocumentError(XmlFault.NOT_WELL_FORMED, error.lineno, error.offset + 1) from None
