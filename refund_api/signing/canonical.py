"""The canonical bytes: a request spelled so that equal bytes mean equal requests, whatever the wire format was.

A label, the method, the path of the action and a key id come first, a line each. Then each member but `sign` has a
line `name=length:text`, in ordinal order of the names. The length counts bytes of UTF-8, so no text can pass for two
members; null is `-`, which no text is. Numbers are decimal. CR and CRLF count as LF, because reading XML makes LF of
them; nothing else is normalised. The members come from the declared contract, so a new contract needs nothing here.
"""

from __future__ import annotations

from functools import cache
from operator import attrgetter
from typing import Any

from xml_contracts.contract import contract_of
from xml_contracts.refund import BaseRequest


def canonical_bytes(request: BaseRequest, path: str, kid: str) -> bytes:
    """The bytes of a request of any contract.

    `path` is the one the action declares, not the spelling that arrived. `kid` is the key they are signed with, empty
    where the bytes only tell requests apart.
    """
    cls: type = type(request)
    values, template = _compiled(cls)
    # A lone surrogate must not raise here; it is no UTF-8, so no client can have signed it.
    return (template % (path, kid, *map(_spelled, values(request)))).encode(errors="surrogatepass")


@cache
def _compiled(cls: type) -> tuple[attrgetter[tuple[Any, ...]], str]:
    """What gets the signed values of a request, and the text with a place for path, kid and each of them."""
    members = sorted((m for m in contract_of(cls).members if m.attribute != "sign"), key=lambda m: m.name)
    lines = ["OC-HMAC-SHA256-V2", "POST", "%s", "%s", *(f"{member.name}=%s" for member in members), ""]
    return attrgetter(*(member.attribute for member in members)), "\n".join(lines)


def _spelled(value: str | int | None) -> str:
    if isinstance(value, str):
        text = value.replace("\r\n", "\n").replace("\r", "\n") if "\r" in value else value
        return f"{len(text) if text.isascii() else len(text.encode(errors='surrogatepass'))}:{text}"
    if value is None:
        return "-"
    text = int.__repr__(value)  # an enum is spelled as its number
    return f"{len(text)}:{text}"
