"""docs/operations.md names every event and every field of a log line, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from refund_api.events import Happening
from refund_api.ops import answer_lines

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "operations.md").read_text(encoding="utf-8")
LOGS = TEXT.partition("\n## Logs\n")[2].partition("\n## ")[0]
OF_EVERY_LINE = {"timestamp", "level", "pid", "event", "logger", "exception"}
SOURCE = Path(answer_lines.__file__).read_text(encoding="utf-8")


def first_cells(header: str) -> set[str]:
    """The names in the first column of a table."""
    rows = LOGS.partition(f"| {header}")[2].partition("\n\n")[0].splitlines()[2:]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_every_event_of_an_answer_is_named() -> None:
    assert first_cells("`event` of an answer") == {answer_lines.name_of(kind) for kind in get_args(Happening)}


def test_every_field_is_named() -> None:
    fields = set(re.findall(r'told\["(\w+)"\]', SOURCE)) | {"status"} | set(answer_lines.FIELDS.values())
    assert first_cells("field") == fields | OF_EVERY_LINE | {"left_out"}
