"""A request signed step by step in each scheme, with every step computed by the code that checks signatures."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from ..signing import legacy, v2
from ..signing.canonical import canonical_bytes

SECRET: Final = "a public key for vectors, 40 characters."
"""Public: the service refuses to serve with it."""
KID: Final = "web-2026a"


@dataclass(frozen=True, slots=True)
class Worked:
    """The steps for one request; texts as they are signed, digests in hex."""

    secret: str
    kid: str
    legacy_text: str
    legacy_md5: str
    legacy_sign: str
    canonical: str
    canonical_length: int
    v2_sign: str


def worked(request: Any, path: str) -> Worked:
    """The steps for this request to the action at `path`."""
    text = legacy.signed_text(request, path, KID)
    canonical = canonical_bytes(request, path, KID)
    return Worked(
        secret=SECRET,
        kid=KID,
        legacy_text=text,
        legacy_md5=hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
        legacy_sign=legacy.sign(request, path, KID, SECRET.encode()),
        canonical=canonical.decode(),
        canonical_length=len(canonical),
        v2_sign=v2.sign(request, path, KID, SECRET.encode()),
    )
