"""The origins of web pages, as browsers spell them: scheme, host, and the port where it is not the scheme's own.

A browser compares and sends its own spelling, so a list of origins is brought into that spelling when it is read.
What no browser would ever send is refused: it would silently never match.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

ANY: Final = "*"
"""In the place of a list: every origin."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_ORIGIN = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?", re.IGNORECASE)
_EXAMPLE: Final = "an origin is like https://shop.example or http://10.0.0.7:8080"
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def read_origins(text: str) -> tuple[str, ...]:
    """The origins of a list separated by commas, as browsers send them; `("*",)` for every origin. ValueError."""
    listed = [item.strip() for item in text.split(",")]
    if listed == [ANY]:
        return (ANY,)
    return tuple(dict.fromkeys(_read_origin(item) for item in listed))


def _read_origin(text: str) -> str:
    match = _ORIGIN.fullmatch(text)
    if match is None:
        raise ValueError(f"has {text!r}, {_what_is_wrong(text)}; {_EXAMPLE}")
    scheme, host, port = match[1].lower(), match[2].lower(), match[3]
    number = int(port) if port else _DEFAULT_PORTS[scheme]
    if not 1 <= number <= 65535:
        raise ValueError(f"has {text!r}, whose port is not one from 1 to 65535")
    ending = "" if number == _DEFAULT_PORTS[scheme] else f":{number}"
    return f"{scheme}://{_host(host, text)}{ending}"


def _host(host: str, text: str) -> str:
    """The host as a browser writes it; ValueError where it is no address although it looks like one."""
    labels = host.removesuffix(".").split(".")
    try:
        if host.startswith("["):
            return f"[{ipaddress.IPv6Address(host[1:-1])}]"
        if _NUMBER.fullmatch(labels[-1]):  # browsers read such a host as an address, or not at all
            return str(ipaddress.IPv4Address(host))
    except ValueError:
        raise ValueError(f"has {text!r}, whose host is no address") from None
    if "" in labels:
        raise ValueError(f"has {text!r}, whose host has an empty part")
    return host


def _what_is_wrong(text: str) -> str:
    scheme, mark, rest = text.partition("://")
    if not text:
        return "nothing between two commas"
    if text == ANY:
        return "which stands alone or not at all"
    if text.lower() == "null":
        return "which pages of every site can send"
    if re.search(r"\s", text):
        return "with a blank in it: origins are separated by commas"
    if not mark or scheme.lower() not in _DEFAULT_PORTS:
        return "which does not begin with http:// or https://"
    if any(mark in rest for mark in "/?#"):
        return "with something behind the host and port; a slash at the end is too much too"
    if "*" in rest:
        return "which is a pattern: name each origin"
    if not rest.isascii():
        return "whose host must be spelled as browsers send it, xn--…"
    return "which no browser sends"
