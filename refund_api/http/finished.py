"""A response of which nothing is left to decide, sent as it is.

Flask wants an instance of its Response. Werkzeug's makes a mapping of the headers, and goes through it again for what
may be missing: a tenth of the time of a request, for headers that are all known here.

So this one has none of the attributes of a Response. A function of Flask's `after_request` that reads one would fail at
every answer; a header that all answers shall have is added in edge.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import Response

Headers = list[tuple[str, str]]


class FinishedResponse(Response):
    """An answer with this status line, these headers and this content, which is None for an answer without one (204).

    The headers go out as they are, so they must have the length of the content, and no text of a client that could be
    no header.
    """

    def __init__(self, status: str, headers: Headers, content: bytes | None) -> None:
        # Not Response.__init__: whatever it would prepare is not used.
        self._finished = (status, headers)
        self._content = content

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """WSGI. The answer to HEAD has the headers of the content and not the content."""
        start_response(*self._finished)
        return () if self._content is None or environ["REQUEST_METHOD"] == "HEAD" else (self._content,)
