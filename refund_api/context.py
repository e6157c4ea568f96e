"""Who asked, and when: made once for each request at the edge, and handed on as an argument."""

from __future__ import annotations

from datetime import datetime

from .values import value_class


@value_class(frozen=True, slots=True)
class RequestContext:
    """What is known of a request beside its body.

    `request_id` is the client's, if it is short and has no special characters, or a new one. `source` is the address
    of the client, which trusted proxies tell (http/proxies.py), else the nearest peer's; empty on a Unix socket.
    `received_at` (aware, UTC) is when the whole body was there: it is the one `now` of every decision on the request.
    `traceparent` (W3C Trace Context) is the client's, if it is well formed, or a new one.
    """

    request_id: str
    source: str
    received_at: datetime
    traceparent: str
