"""The help pages that tests open, and the keys of the demo that serves them."""

from __future__ import annotations

from typing import Final

KEYS: Final = [
    {"kid": "demo", "scheme": "legacy", "secret": "a legacy secret that is the demo's"},
    {"kid": "demo-v2", "scheme": "v2", "secret": "a secret of v2 that belongs to the demo"},
]
ACTION, EXPLAIN, TRY = (f"/Help/{kind}/POST-api-order-cancel" for kind in ("Api", "Explain", "TryIt"))
PAGES: Final = (
    "/Help",
    ACTION,
    EXPLAIN,
    TRY,
    "/Help/ResourceModel",
    "/Help/ResourceModel?modelName=TicketRefundRequest",
    "/Help/ResourceModel?modelName=Terminal",
)


def in_language(path: str, language: str) -> str:
    """The page as whoever chose this language reads it."""
    return f"{path}{'&' if '?' in path else '?'}lang={language}"
