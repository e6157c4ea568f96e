"""Request headers that are too long to be honest count as not sent, before anything looks at them.

gunicorn lets half a megabyte of one header through, and joins its lines. To read that as a list takes a second: the
negotiation does it with Accept, Werkzeug with Connection. The longest value that a client was ever seen to send has
175 characters; old browsers with many plug-ins reach about 270.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

MAX_HEADER: Final = 512
"""Characters, for each header by itself."""

_LISTS: Final = (
    "CONTENT_TYPE",
    "HTTP_ACCEPT",
    "HTTP_ACCEPT_CHARSET",
    "HTTP_X_REQUESTED_WITH",
    "HTTP_CONNECTION",
    "HTTP_ORIGIN",
    "HTTP_ACCESS_CONTROL_REQUEST_HEADERS",
)

WsgiApp = Callable[..., Iterable[bytes]]


def without_long_headers(app: WsgiApp) -> WsgiApp:
    """The application, which no longer sees a header of `_LISTS` that is over MAX_HEADER."""

    def bounded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        for name in _LISTS:
            if name in environ and len(environ[name]) > MAX_HEADER:
                del environ[name]
        return app(environ, start_response)

    return bounded
