"""The legacy scheme, as the clients of the old site sign: an HMAC over `random`, `time_stamp` and `terminal` alone.

Nothing of the order is signed, so a captured signature would serve another order. The nonce stands against that: a
signature counts for the one request that used it first.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

from xml_contracts.refund import BaseRequest

PATTERN: Final = re.compile(r"[0-9A-Fa-f]{64}")


def sign(request: BaseRequest, path: str, kid: str, secret: bytes) -> str:
    """The sign of a request; path and kid are not in it."""
    return sign_legacy(
        secret, random=request.random, time_stamp=request.time_stamp or "", terminal=int(request.terminal)
    )


def sign_legacy(secret: bytes, *, random: int, time_stamp: str, terminal: int) -> str:
    """HMAC-SHA256 (lower-case hex) over the MD5 (hex) of a string that spells `timestamp` without an underscore."""
    text = _text(random, time_stamp, terminal)
    digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    return hmac.digest(secret, digest.encode(), "sha256").hex()


def signed_text(request: BaseRequest, path: str, kid: str) -> str:
    """The text whose MD5 is signed; path and kid are not in it."""
    return _text(request.random, request.time_stamp or "", int(request.terminal))


def _text(random: int, time_stamp: str, terminal: int) -> str:
    return f"random={random}&timestamp={time_stamp}&terminal={terminal}"


def nonce(request: BaseRequest) -> str:
    """SHA-256 (hex) of what is signed: the same for every request that a captured sign could serve."""
    return hashlib.sha256(f"L|{int(request.terminal)}|{request.time_stamp}|{request.random}".encode()).hexdigest()
