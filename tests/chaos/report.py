"""How a chaos program says what it found: progress on a terminal, a table or JSON, the violations in words."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence

Figures = Mapping[str, int | float]
_EXAMPLES = 5


def progress(text: str) -> None:
    """One line that is written over, on a terminal only; an empty text wipes it."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def print_figures(columns: Mapping[str, Figures], *, as_json: bool) -> None:
    """A column a run, a row a figure."""
    if as_json:
        print(json.dumps(columns))
        return
    rows = list(dict.fromkeys(name for figures in columns.values() for name in figures))
    print("  ".join([" " * max(map(len, rows)), *columns]))
    for row in rows:
        cells = (f"{figures.get(row, ''):>{len(title)}}" for title, figures in columns.items())
        print("  ".join([f"{row:{max(map(len, rows))}}", *cells]))


def print_violations(title: str, found: Mapping[str, Sequence[str]]) -> None:
    """The first few of every kind, to stderr."""
    for kind, sentences in found.items():
        for sentence in sentences[:_EXAMPLES]:
            print(f"{title}: {kind}: {sentence}", file=sys.stderr)
        if len(sentences) > _EXAMPLES:
            print(f"{title}: {kind}: and {len(sentences) - _EXAMPLES} more", file=sys.stderr)
