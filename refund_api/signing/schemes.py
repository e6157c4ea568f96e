"""SCHEMES: the ways to sign a request, by name. A new one is a module like `legacy` and a row of the table."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from xml_contracts.refund import BaseRequest

from . import legacy, v2


@dataclass(frozen=True, slots=True)
class Scheme:
    """One way to sign. `pattern` fits the whole member `sign`, and no sign of another scheme fits it.

    Where a sign names its key, the pattern has a group `kid`. Otherwise any key of the scheme may have made it.
    `sign(request, path, kid, secret)` is the sign that a client with this key sends; `path` is the one the action
    declares. `signed_text` is what it signs, for people to compare. With `any_case`, its letters may be capitals.
    `nonce(request)` gives 64 characters that bind the sign to the request that used it first; None where all members
    are signed. A secret has at least `min_secret_bytes`; with `weak_taken` it may be shorter, if its entry in the key
    ring says `accept_weak`.
    """

    pattern: re.Pattern[str]
    sign: Callable[[BaseRequest, str, str, bytes], str]
    signed_text: Callable[[BaseRequest, str, str], str]
    any_case: bool
    nonce: Callable[[BaseRequest], str] | None
    min_secret_bytes: int
    weak_taken: bool


SCHEMES: Final[dict[str, Scheme]] = {
    "legacy": Scheme(
        legacy.PATTERN,
        legacy.sign,
        legacy.signed_text,
        any_case=True,
        nonce=legacy.nonce,
        min_secret_bytes=16,
        weak_taken=True,
    ),
    "v2": Scheme(
        v2.PATTERN, v2.sign, v2.signed_text, any_case=False, nonce=None, min_secret_bytes=32, weak_taken=False
    ),
}
"""By name, as the key ring and the commands spell it."""
