"""Lets pages of the listed origins read answers (CORS).

A browser sends the origin of its page with each request and shows the page an answer only where the answer names that
origin. Before a request that no HTML form could send, such as JSON, it asks with OPTIONS whether it may send it: the
preflight. Nothing here keeps a request out: it protects those who read, not the ledger.

An answer to anybody else has not one byte of this. It has no `Vary` either. No cache can confuse the two: every answer
says no-cache and has no validator, so that a cache must ask the service each time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ..origins import ANY

Headers = tuple[tuple[str, str], ...]

MAX_AGE: Final = 7200
"""Seconds for which a browser need not ask again. Chromium believes no longer time."""

EXPOSED: Final = ("Retry-After", "Date", "X-Request-ID", "X-Data-Contract-Ignored")
"""Headers that a page may read, beside the few that every page may."""

_NAMES = re.compile(r"[\w!#$%&'*+.^`|~-]+(?:, ?[\w!#$%&'*+.^`|~-]+)*", re.ASCII)


class PreflightAsked(Exception):
    """A browser asks what a page of a listed origin may send to the action.

    `allowed` is the method of the action, `names` are the headers that the page wants to add, separated by commas.
    """

    def __init__(self, allowed: str, environ: Mapping[str, Any]) -> None:
        super().__init__(allowed)
        self.allowed = allowed
        self.names: str = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")


def headers_for(environ: Mapping[str, Any], origins: tuple[str, ...]) -> Headers:
    """What the answer to a page of a listed origin has beside all else; nothing for everybody else.

    `origins` are as origins.read_origins gives them.
    """
    origin = environ.get("HTTP_ORIGIN")
    if origin is None or not (origin in origins or ANY in origins):
        return ()
    return (
        ("Access-Control-Allow-Origin", ANY if ANY in origins else origin),
        ("Access-Control-Expose-Headers", ", ".join(EXPOSED)),
        ("Vary", "Origin"),
    )


def is_preflight(environ: Mapping[str, Any]) -> bool:
    """Whether a browser asks what a page may send."""
    return environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ


def permission(asked: PreflightAsked) -> Headers:
    """What the answer to a preflight says. No header that a page may add changes what the service does."""
    allowed_headers = (("Access-Control-Allow-Headers", asked.names),) if _NAMES.fullmatch(asked.names) else ()
    return (
        ("Access-Control-Allow-Methods", asked.allowed),
        *allowed_headers,
        ("Access-Control-Max-Age", str(MAX_AGE)),
    )
