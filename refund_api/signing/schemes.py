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
    """One way to sign. `pattern` fits the whole member `sign`, and no sign of another scheme.

    Where a sign names its key, the pattern has a group `kid`. Else every key of the scheme may have made it.
    `sign(request, path, kid, secret)` is the sign that a client with this key sends; `path` is the one the action
    declares. `any_case` True takes it in capitals too. `nonce(request)` gives a text of 64 characters that binds the
    sign to the request that used it first; None where all members are signed. A secret has `min_secret_bytes`;
    `weak_taken` True takes a shorter one, where the ring says so.
    """

    pattern: re.Pattern[str]
    sign: Callable[[BaseRequest, str, str, bytes], str]
    any_case: bool
    nonce: Callable[[BaseRequest], str] | None
    min_secret_bytes: int
    weak_taken: bool


SCHEMES: Final[dict[str, Scheme]] = {
    "legacy": Scheme(
        legacy.PATTERN, legacy.sign, any_case=True, nonce=legacy.nonce, min_secret_bytes=16, weak_taken=True
    ),
    "v2": Scheme(v2.PATTERN, v2.sign, any_case=False, nonce=None, min_secret_bytes=32, weak_taken=False),
}
"""Name, as key ring and commands spell it -> scheme."""
