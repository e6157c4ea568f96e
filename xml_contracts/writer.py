"""From an instance to bytes, as DataContractSerializer writes them through XmlWriter (wire-facts section 5).

lxml cannot write some of these bytes (` />`, CRLF, `&#x1;`), so text is put together here. One table has its rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final, NamedTuple

from .attributes import SCHEMA_INSTANCE
from .contract import Contract, Member
from .errors import ValueNotWritable

# XmlUtf8RawTextWriter.WriteElementTextBlock (wire-facts 5.5). CheckCharacters is off, so that characters which XML does
# not allow become references (InvalidXmlChar, wire-facts 5.6).
_RULES: Final = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    "\r\n": "\r\n",
    "\r": "\r\n",  # NewLineHandling.Replace, with the new line of Windows
    "\n": "\r\n",
    **{chr(c): f"&#x{c:X};" for c in (*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF)},
}
_SPECIAL: Final = re.compile("\r\n|[&<>\x00-\x08\n-\x1f\ud800-\udfff\ufffe\uffff]")
_CHARSETS: Final = {"utf-8": (b"", "utf-8"), "utf-16": (b"\xff\xfe", "utf-16-le")}


def xml_text(text: str) -> str:
    """`text` as element content; ValueNotWritable for a lone surrogate."""
    return _SPECIAL.sub(_written, text) if _SPECIAL.search(text) else text


def _written(match: re.Match[str]) -> str:
    try:
        return _RULES[match[0]]
    except KeyError:
        # XmlUtf8RawTextWriter.EncodeSurrogate throws (wire-facts 5.6).
        raise ValueNotWritable(f"lone surrogate U+{ord(match[0]):04X}") from None


class _Slot(NamedTuple):
    """How one member is written: None as the text `null`, any other value between `start` and `end`."""

    value_of: Callable[[Any], Any]
    write: Callable[[Any], str]
    null: str | None
    start: str
    end: str
    member: Member


class Writer:
    """Writes the instances of one contract. All text that depends on no value is made once, by the constructor."""

    def __init__(self, contract: Contract) -> None:
        self._name = contract.name
        namespaces = f'xmlns:i="{SCHEMA_INSTANCE}" xmlns="{_attribute(contract.namespace)}"'
        self._start = f"<{contract.name} {namespaces}>"
        self._end = f"</{contract.name}>"
        self._null = f'<{contract.name} i:nil="true" {namespaces} />'
        self._slots = [_slot(member, contract) for member in contract.members]

    def write(self, value: Any, charset: str) -> bytes:
        """The document of an instance, or of None; `charset` is `utf-8`, or `utf-16` with its byte order mark."""
        mark, encoding = _CHARSETS[charset]
        return mark + (self._null if value is None else self._document(value)).encode(encoding)

    def _document(self, instance: Any) -> str:
        pieces = [self._start]
        for value_of, write, null, start, end, member in self._slots:
            value = value_of(instance)
            if value is None and null is not None:
                pieces.append(null)
                continue
            try:
                pieces += start, xml_text(write(value)), end
            except (ValueError, TypeError, ValueNotWritable) as error:
                raise ValueNotWritable(f"{self._name}.{member.name}: {error}") from None
        pieces.append(self._end)
        return "".join(pieces)


def _slot(member: Member, contract: Contract) -> _Slot:
    own = member.declaring.namespace
    # A member of a base class brings its own namespace. XmlWellFormedWriter writes it behind the attributes.
    xmlns = "" if own == contract.namespace else f' xmlns="{_attribute(own)}"'
    null = None if member.primitive.is_value_type else f'<{member.name} i:nil="true"{xmlns} />'
    value_of = attrgetter(member.attribute)
    return _Slot(value_of, member.primitive.write, null, f"<{member.name}{xmlns}>", f"</{member.name}>", member)


def _attribute(namespace: str) -> str:
    return xml_text(namespace).replace('"', "&quot;")
