"""The v2 scheme, for new clients: an HMAC over every member of the request, with the key named in the sign.

As the whole content is signed, a captured sign serves for nothing but a repeat of its own request. There is no nonce.
"""

from __future__ import annotations

import hmac
import re
from typing import Final

from xml_contracts.refund import BaseRequest

from .canonical import canonical_bytes

PATTERN: Final = re.compile(r"v2\.(?P<kid>[a-z0-9-]{1,32})\.[0-9a-f]{64}")


def sign(request: BaseRequest, path: str, kid: str, secret: bytes) -> str:
    """`v2.<kid>.<HMAC-SHA256 of the canonical bytes, lower-case hex>`."""
    return f"v2.{kid}.{hmac.digest(secret, canonical_bytes(request, path, kid), 'sha256').hex()}"


def signed_text(request: BaseRequest, path: str, kid: str) -> str:
    """The canonical bytes as text; what is no UTF-8 in them is a replacement character."""
    return canonical_bytes(request, path, kid).decode(errors="replace")
