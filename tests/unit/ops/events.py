"""Events for the tests of what is made of them."""

from __future__ import annotations

from typing import Any

from refund_api.events import Event, Happening
from tests.world import CONTEXT, ORDER
from xml_contracts.reading import Problem

DECIDED: dict[str, Any] = {
    "order_number": ORDER,
    "passengers": 1,
    "terminal": 1,
    "kid": "web",
    "scheme": "legacy",
    "attempts": 1,
}


def event(happening: Happening, *skipped: Problem, code: int | None = None, read_format: str | None = "json") -> Event:
    return Event(
        happening=happening,
        context=CONTEXT,
        status=200,
        code=code,
        read_format=read_format,
        write_format="json",
        skipped=skipped,
        milliseconds=1.04,
        answered_at=1_793_000_000.5,
    )
