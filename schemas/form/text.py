"""An HTML form -> an instance of a data contract, as JQueryMvcFormUrlEncodedFormatter binds it.

Always UTF-8: neither the charset nor a byte order mark is looked at (facts.md 1.13, section 8).
"""

from __future__ import annotations

import re

from xml_contracts.errors import DocumentError

from ..build import ContractSchema, Reading

_ESCAPED = re.compile(r"(?:%[0-9a-fA-F]{2})+")
# UTF8Encoding.GetChars of .NET Framework: a lead byte and a second one out of its range are one U+FFFD, not two.
_TWO_AS_ONE = re.compile(rb"\xe0[\x80-\x9f]|\xed[\xa0-\xbf]|\xf0[\x80-\x8f]|\xf4[\x90-\xbf]")


def read_form(schema: ContractSchema, body: bytes) -> Reading:
    """The instance in a form. DocumentError: a name with `[` and no `]` after it."""
    if not body:
        return Reading(None)
    first: dict[str, str] = {}
    for pair in _decode(body).split("&"):
        name, _, value = pair.partition("=")
        first.setdefault(name, value)
    values: dict[str, str] = {}
    for name, value in first.items():
        # A name that is found as it stands has nothing to unescape.
        member = schema.find(name) or schema.find(_model_name(_unescape(name)))
        if member is not None and member not in values:
            values[member] = _unescape(value)
    return schema.read(values.items())


def _decode(data: bytes) -> str:
    return _TWO_AS_ONE.sub(b"\xff", data).decode("utf-8", "replace")


def _unescape(text: str) -> str:
    """UriQueryUtility.UrlDecode: `+` is a space, what is no %XX stays."""
    text = text.replace("+", " ")
    return _ESCAPED.sub(_unescape_bytes, text) if "%" in text else text


def _unescape_bytes(escaped: re.Match[str]) -> str:
    return _decode(bytes.fromhex(escaped[0].replace("%", "")))


def _model_name(name: str) -> str:
    """FormDataCollectionExtensions.NormalizeJQueryToMvc: `x[]` is x; `x[y]` and `x[0]` are inside x, so no member."""
    if name.rfind("[") > name.rfind("]"):
        raise DocumentError("a name has [ without ]")
    return name.replace("[]", "")
