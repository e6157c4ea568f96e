"""The Flask application, without what no route of ours needs and every request would pay for.

Before a view is called, Flask reads the Host header three times, makes a session, and asks of each function whether it
is a coroutine: a tenth of the time of a request (docs/performance.md, 1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Request
from flask.sessions import NullSession, SessionInterface
from werkzeug.routing import MapAdapter


class _NoSessions(SessionInterface):
    """All requests have the same session, which is empty, refuses to be written to, and is never sent."""

    _none = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:
        return self._none


class Application(Flask):
    """A Flask for views that are no coroutines, and for routes that depend on no host and redirect to none."""

    session_interface = _NoSessions()

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """What looks for the route. A request that offers to become a WebSocket is served like any other."""
        if request is None:
            return super().create_url_adapter(None)
        return MapAdapter(self.url_map, "", request.root_path, "", request.scheme, request.path, request.method)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function as it is."""
        return func
