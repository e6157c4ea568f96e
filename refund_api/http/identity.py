"""The ids by which a request is found again in logs: its client's where they are harmless, else new ones.

An id is repeated in log lines, in the ledger and in answers, so nothing but a few plain characters passes.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any, Final

REQUEST_ID_HEADER: Final = "X-Request-ID"
REQUEST_ID_KEY: Final = "refund_api.request_id"
"""Under this key of the environ the server finds the request id, for a line of its own."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

# W3C Trace Context: version, trace id, parent id, flags. A version above 00 may have more fields behind these.
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def ids_of(environ: Mapping[str, Any]) -> tuple[str, str]:
    """Request id and traceparent of a request. Two new ones have the same 32 hexadecimal digits in common."""
    request_id = _harmless_request_id(environ)
    traceparent = _harmless_traceparent(environ)
    if request_id is None or traceparent is None:
        digits = secrets.token_hex(24)
        request_id = request_id or digits[:32]
        traceparent = traceparent or f"00-{digits[:32]}-{digits[32:]}-00"
    return request_id, traceparent


def echo(environ: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The header that gives a client its request id back; nothing for one that sent none, or no harmless one."""
    request_id = _harmless_request_id(environ)
    return () if request_id is None else ((REQUEST_ID_HEADER, request_id),)


def _harmless_request_id(environ: Mapping[str, Any]) -> str | None:
    sent = environ.get("HTTP_X_REQUEST_ID")
    return sent if sent is not None and _REQUEST_ID.fullmatch(sent) else None


def _harmless_traceparent(environ: Mapping[str, Any]) -> str | None:
    """The four fields of version 00, also of a later version that has more."""
    sent = environ.get("HTTP_TRACEPARENT")
    match = _TRACEPARENT.match(sent) if sent is not None else None
    if sent is None or match is None:
        return None
    behind = sent[match.end() :]
    return match[0] if not behind or (behind[0] == "-" and not sent.startswith("00")) else None
