"""The request URI as .NET's `Uri.ToString()` prints it: the text of a 404 repeats it (wire-facts 3.5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import quote, unquote_to_bytes

_ESCAPES = re.compile(r"%[0-7][0-9A-Fa-f]|(?:%[89][0-9A-Fa-f])+|(?:%[89A-Fa-f][0-9A-Fa-f]|[\x80-\xff])+|%")
_UNSAFE = frozenset("#$%&+,/;=?@\\\x7f").union(map(chr, range(32)))
# IriHelper.CheckIriUnicodeRange: C1 controls, noncharacters and tag characters stay escaped; so do bytes that are no
# UTF-8 (here lone surrogates, from surrogateescape).
_NOT_IRI = "\x80-\x9f\ud800-\udfff\ufdd0-\ufdef\ufff0-\uffff\U000e0000-\U000e0fff" + "".join(
    chr(plane << 16 | 0xFFFE) + chr(plane << 16 | 0xFFFF) for plane in range(1, 17)
)
_PRIVATE_USE = "\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd"
_KEPT_IN_QUERY = re.compile(f"[{_NOT_IRI}]")
_KEPT_IN_PATH = re.compile(f"[{_NOT_IRI}{_PRIVATE_USE}]")
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?")
_ABSOLUTE = re.compile(r"([^/?#]*://)([^/?#]*)")
_BIDI_CONTROLS = re.compile("[\u200e\u200f\u202a-\u202e]")


def requested_uri(environ: Mapping[str, Any]) -> str:
    """The absolute URI as .NET's Uri.ToString() prints it: as sent, mostly unescaped (wire-facts 3.5)."""
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI") or _rebuilt(environ)
    absolute = _ABSOLUTE.match(raw)
    if absolute:
        raw = f"{absolute[1]}{_host(absolute[2], environ)}{raw[absolute.end() :]}"
    elif raw.startswith("/"):
        raw = f"{environ['wsgi.url_scheme']}://{_host(environ.get('HTTP_HOST', ''), environ)}{raw}"
    path, mark, query = raw.partition("?")
    return _unescaped(path, _KEPT_IN_PATH) + mark + _unescaped(query, _KEPT_IN_QUERY)


def _host(sent: str, environ: Mapping[str, Any]) -> str:
    """The host that was asked for. When it is no host name: the server's own, which is none either on a Unix socket."""
    if is_host(sent):
        return sent
    own = f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
    return own if is_host(own) else "localhost"


def is_host(text: str) -> bool:
    """Whether this is a host name or an IP address of at most 253 characters, with a port or without."""
    return _HOST.fullmatch(text) is not None


def _rebuilt(environ: Mapping[str, Any]) -> str:
    """The path and query of a server that does not hand over the URI as it was sent."""
    query = environ.get("QUERY_STRING")
    return quote(environ["PATH_INFO"], safe="/:;=@$&+,!*'()", encoding="latin-1") + (f"?{query}" if query else "")


def _unescaped(text: str, kept: re.Pattern[str]) -> str:
    return _ESCAPES.sub(partial(_unescape, kept), text)


def _unescape(kept: re.Pattern[str], match: re.Match[str]) -> str:
    escaped = match[0]
    if escaped == "%":
        return "%25"  # a % that begins no escape is escaped itself
    if len(escaped) == 3 and escaped < "%8":
        character = chr(int(escaped[1:], 16))
        return escaped if character in _UNSAFE else character
    if escaped.startswith(("%8", "%9")):
        return escaped  # UriHelper.UnescapeString: no UTF-8 character begins with these bytes (wire-facts 11.15)
    text = unquote_to_bytes(escaped.encode("latin-1")).decode("utf-8", "surrogateescape")
    text = kept.sub(lambda character: quote(character[0], errors="surrogateescape"), text)
    return _BIDI_CONTROLS.sub("", text)
