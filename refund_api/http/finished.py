"""A response of which nothing is left to decide, sent as it is.

Flask wants an instance of its Response. Werkzeug's makes a mapping of the headers, and goes through it again for what
may be missing: a tenth of the time of a request, for headers that are all known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import Response

Headers = list[tuple[str, str]]


class FinishedResponse(Response):
    """Status line, headers with the length of the content, and the content; None where the answer has none (204)."""

    def __init__(self, status: str, headers: Headers, content: bytes | None) -> None:
        # Not Response.__init__: whatever it would prepare is not used.
        self._finished = (status, headers)
        self._content = content

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """WSGI. The answer to HEAD has the headers of the content and not the content."""
        start_response(*self._finished)
        return () if self._content is None or environ["REQUEST_METHOD"] == "HEAD" else (self._content,)
