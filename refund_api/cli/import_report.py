"""What `orders import` prints: as text for a person, or as JSON for a program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from ..storage.shop.importing import BadLines, ImportResult
from .session import plain

SHOWN_LINES = 20
"""Of a kind, in the text."""

_LISTINGS = {
    "refunded_by_both": "REFUNDED TWICE",
    "conflicts": "left as it is",
    "older": "left as it is",
    "kept_marks": "taken, but",
}
"""Attribute of ImportResult -> what stands before the reason."""


def import_text(result: ImportResult, bad_lines: BadLines, *, only_check: bool) -> str:
    """A line for what somebody should look at, then the counts."""
    if bad_lines.count:
        lines = [f"line {bad.line}: {'; '.join(bad.faults)}" for bad in bad_lines.first]
        closing = f"Nothing was imported. Bad lines: {bad_lines.count}; correct them and import again."
        return "\n".join([*_first(lines, bad_lines.count), closing])
    would = "Nothing was written. It would be: " if only_check else ""
    counts = f"{result.created} new, {result.updated} changed, {result.unchanged} unchanged, "
    listed = f"{result.conflicts.count} conflicts, {result.older.count} older"
    marks = f"{result.marked} passengers cancelled elsewhere, {result.refunded_by_both.count} orders refunded by both"
    return "\n".join([*_listed(result), f"{would}{counts}{listed}", marks])


def _listed(result: ImportResult) -> Iterator[str]:
    for name, verdict in _LISTINGS.items():
        listing = getattr(result, name)
        lines = [f"line {at.line}: {plain(at.order_number)} {verdict}: {at.reason}" for at in listing.first]
        yield from _first(lines, listing.count)


def _first(lines: list[str], count: int) -> list[str]:
    more = count - SHOWN_LINES
    return [*lines[:SHOWN_LINES], *([f"… and {more} more; --json lists them"] if more > 0 else [])]


def import_json(result: ImportResult, bad_lines: BadLines, *, only_check: bool) -> str:
    """One object. Of each kind of lines `counts` has the number and, beside it, a list has the first ten thousand."""
    listings = {name: getattr(result, name) for name in _LISTINGS}
    return json.dumps(
        {
            "written": not only_check and not bad_lines.count,
            "created": result.created,
            "updated": result.updated,
            "unchanged": result.unchanged,
            "marked": result.marked,
            "counts": {name: listing.count for name, listing in listings.items()} | {"bad_lines": bad_lines.count},
            **{name: [asdict(line) for line in listing.first] for name, listing in listings.items()},
            "bad_lines": [asdict(line) for line in bad_lines.first],
        }
    )
