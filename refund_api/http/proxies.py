"""Who asked, behind proxies that are trusted: address, scheme and host of the client, as X-Forwarded-* tells them.

Each proxy adds to these headers on the right. So of N trusted proxies, the N-th value from the right was written by the
outermost one, and what stands left of it is whatever the client has made up. Werkzeug's ProxyFix counts the hops.

It reads a header as a list whose elements may be quoted. A client could hide the commas of the proxies behind a quote
of its own, and so be believed: the quotes are taken out before. And it takes any text for an address: what is no
address, scheme or host is taken back afterwards. Then what is known without the header holds, as the address of the
nearest proxy.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from werkzeug.middleware.proxy_fix import ProxyFix

from .dotnet_uri import is_host
from .headers import MAX_HEADER, WsgiApp

_HEADERS: Final = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST")
_WITHOUT_QUOTES: Final = str.maketrans("", "", '"\\')
_ADDRESS: Final = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9.]+)(?::[0-9]{1,5})?|([0-9A-Fa-f:.]+)")


def behind_proxies(app: WsgiApp, trusted: Callable[[], int]) -> WsgiApp:
    """The application, told of the client by the last `trusted()` hops of X-Forwarded-*; with 0 hops, by nothing."""
    checked = _checked(app)

    def told(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        hops = trusted()
        if not hops:
            return app(environ, start_response)
        for name in _HEADERS:
            if name in environ:  # the last part of a long one: there the proxies have written
                environ[name] = environ[name][-MAX_HEADER:].translate(_WITHOUT_QUOTES)
        return ProxyFix(checked, x_for=hops, x_proto=hops, x_host=hops)(environ, start_response)

    return told


def _checked(app: WsgiApp) -> WsgiApp:
    def checked(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        source, scheme = address(environ.get("REMOTE_ADDR") or ""), environ["wsgi.url_scheme"].lower()
        if source:
            environ["REMOTE_ADDR"] = source
        else:
            _take_back(environ, "REMOTE_ADDR")
        if scheme in ("http", "https"):
            environ["wsgi.url_scheme"] = scheme
        else:
            _take_back(environ, "wsgi.url_scheme")
        if not is_host(environ.get("HTTP_HOST", "")):
            _take_back(environ, "HTTP_HOST", "SERVER_NAME", "SERVER_PORT")
        return app(environ, start_response)

    return checked


def _take_back(environ: dict[str, Any], *names: str) -> None:
    """What the server itself knows, which ProxyFix has kept; None for what it does not know."""
    for name in names:
        before = environ["werkzeug.proxy_fix.orig"][name]
        if before is None:
            environ.pop(name, None)
        else:
            environ[name] = before


def address(text: str) -> str | None:
    """The IP address in `address`, `address:port` or `[address]:port`, in its usual spelling; None: there is none."""
    match = _ADDRESS.fullmatch(text)
    if match is None:
        return None
    try:
        return str(ipaddress.ip_address(match[match.lastindex or 0]))
    except ValueError:
        return None
