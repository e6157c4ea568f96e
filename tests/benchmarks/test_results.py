"""Rounds in turn, goals, and the files that a part writes."""

from __future__ import annotations

import json
from pathlib import Path

from lxml import etree

from benchmarks.measure import Goal, turns
from benchmarks.results import Report, Table, markdown, write

TABLE = Table("Fast & slow", ("", "requests/s", "note"), (("ours", 2100.4, "a"), ("<theirs>", 0.5, "b")), "requests/s")
REPORT = Report("part", (TABLE,), (Goal("ours, times theirs", 0.7, 0.8, at_least=True), Goal("trips", 5, 6)), ("Why.",))


def test_each_round_begins_with_another_contender() -> None:
    assert list(turns(("a", "b", "c"), 3)) == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]


def test_a_goal_is_a_limit_from_above_or_from_below() -> None:
    assert [goal.passed for goal in REPORT.goals] == [False, True]
    assert str(REPORT.goals[0]) == "MISS  ours, times theirs: 0.70 (goal >= 0.8)"
    assert str(REPORT.goals[1]) == "pass  trips: 5.00 (goal <= 6)"
    assert not REPORT.passed


def test_the_table_shows_three_digits_and_which_goals_are_missed() -> None:
    text = markdown(REPORT)
    assert "| ours | 2,100 | a |" in text
    assert "| <theirs> | 0.50 | b |" in text
    assert "| ours, times theirs | 0.70 | ≥ 0.8 | **miss** |" in text


def test_a_part_writes_json_a_table_and_a_picture(tmp_path: Path) -> None:
    write(REPORT, tmp_path / "results")
    assert {path.suffix for path in (tmp_path / "results").glob("part.*")} == {".json", ".md", ".svg"}
    written = json.loads((tmp_path / "results/part.json").read_text(encoding="utf-8"))
    assert [goal["passed"] for goal in written["goals"]] == [False, True]
    assert written["tables"][0]["rows"][0] == ["ours", 2100.4, "a"]
    bars = etree.parse(tmp_path / "results/part.svg").findall("{*}rect")[1:]
    assert [bar.get("fill") for bar in bars] == ["#4477aa", "#4477aa"]
    assert float(bars[0].get("width", "")) > 100 * float(bars[1].get("width", ""))
