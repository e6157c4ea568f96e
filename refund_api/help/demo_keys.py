"""The keys that pages may show: those that `make run` makes. No other key is ever used or shown by a page."""

from __future__ import annotations

from ..settings import Settings
from ..signing.keys import KeyRing

_MARK = "demo"


def demo_ring(settings: Settings) -> KeyRing:
    """The keys of the ring whose id begins with `demo`, of the schemes that are switched on."""
    keys = settings.key_ring().keys
    return KeyRing(tuple(k for k in keys if k.kid.startswith(_MARK) and k.scheme in settings.signature_schemes))
