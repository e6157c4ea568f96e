"""What a page gives, and the policies that a browser holds it to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from flask import Request

NOTHING_MORE: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The policy of a page that needs no script, style or image beside itself."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a page answers with; `policy` is its Content-Security-Policy.

    `language` is that of a page which there is in several; empty for one that asks nobody.
    """

    body: bytes
    content_type: str
    policy: str = NOTHING_MORE
    status: int = 200
    language: str = ""


Page = Callable[[Request], Content]
"""Makes the content of one path. It changes nothing."""
