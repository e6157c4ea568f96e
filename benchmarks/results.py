"""What a part of the benchmark found: tables and goals, written as JSON, Markdown and SVG."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

from benchmarks.measure import Goal

FOLDER: Final = Path(__file__).parent / "results"

Cell = str | float | int | None


@dataclass(frozen=True)
class Table:
    """Rows of figures. The first column has names; `drawn` is the heading of the column that the picture shows."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    drawn: str


@dataclass(frozen=True)
class Report:
    """One part, measured. The notes say what a reader must know to read the tables rightly."""

    part: str
    tables: tuple[Table, ...]
    goals: tuple[Goal, ...]
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return all(goal.passed for goal in self.goals)

    def as_json(self) -> dict[str, Any]:
        return {
            "part": self.part,
            "machine": machine(),
            "tables": [asdict(table) for table in self.tables],
            "goals": [{**asdict(goal), "passed": goal.passed} for goal in self.goals],
            "notes": list(self.notes),
        }


def machine() -> dict[str, Any]:
    """What the figures depend on, and how busy it was (load averages of 1 and 5 minutes) when they were written."""
    return {
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load": [round(load, 1) for load in os.getloadavg()[:2]],
    }


def write(report: Report, folder: Path) -> None:
    """Three files with the name of the part."""
    folder.mkdir(parents=True, exist_ok=True)
    as_json = json.dumps(report.as_json(), ensure_ascii=False, indent=1)
    (folder / f"{report.part}.json").write_text(as_json + "\n", encoding="utf-8")
    (folder / f"{report.part}.md").write_text(markdown(report), encoding="utf-8")
    (folder / f"{report.part}.svg").write_text(svg(report.tables), encoding="utf-8")


def markdown(report: Report) -> str:
    about = machine()
    lines = [
        f"# {report.part}",
        "",
        f"{about['written']}, CPython {about['python']}, {about['system']}, {about['cores']} cores, "
        f"load {about['load'][0]} (1 min) and {about['load'][1]} (5 min)",
    ]
    lines += [f"\n{note}" for note in report.notes]
    for table in report.tables:
        lines += [
            "",
            f"## {table.title}",
            "",
            _line(table.columns),
            _line(["---"] + ["---:"] * (len(table.columns) - 1)),
        ]
        lines += [_line([shown(cell) for cell in row]) for row in table.rows]
    lines += ["", "## Goals", "", _line(["goal", "measured", "limit", ""]), _line(["---", "---:", "---:", "---"])]
    for goal in report.goals:
        limit = f"{'≥' if goal.at_least else '≤'} {goal.limit:g}"
        lines.append(_line([goal.text, f"{goal.measured:.2f}", limit, "pass" if goal.passed else "**miss**"]))
    return "\n".join(lines) + "\n"


def shown(cell: Cell) -> str:
    """A figure with three digits that count, or more where it is large."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    return (
        f"{cell:,.0f}"
        if isinstance(cell, int) or abs(cell) >= 100
        else f"{cell:.1f}"
        if abs(cell) >= 10
        else f"{cell:.2f}"
    )


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


_BAR, _NAMES, _WIDTH = 20, 330, 800  # pixels: height of a bar, width of the names, of the picture


def svg(tables: Sequence[Table]) -> str:
    """A bar for each row of each table, as long as the figure of the drawn column; each table has its own scale."""
    parts: list[str] = []
    y = 10
    for table in tables:
        column = table.columns.index(table.drawn)
        figures = [(str(row[0]), row[column]) for row in table.rows]
        longest = max((value for _, value in figures if isinstance(value, float | int)), default=1.0) or 1.0
        y += 22
        parts.append(f'<text x="10" y="{y - 6}" font-weight="bold">{escape(table.title)}: {escape(table.drawn)}</text>')
        for name, value in figures:
            if isinstance(value, float | int):
                parts.append(_bar(name, value, value / longest * (_WIDTH - _NAMES - 90), y))
                y += _BAR
        y += 10
    size = f'width="{_WIDTH}" height="{y}" font-family="sans-serif" font-size="12"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>"]) + "\n"


def _bar(name: str, value: float, length: float, y: int) -> str:
    middle = y + _BAR - 6
    return (
        f'<text x="{_NAMES - 8}" y="{middle}" text-anchor="end">{escape(name)}</text>'
        f'<rect x="{_NAMES}" y="{y + 3}" width="{length:.1f}" height="{_BAR - 6}" fill="#4477aa"/>'
        f'<text x="{_NAMES + length + 6:.1f}" y="{middle}">{shown(value)}</text>'
    )
