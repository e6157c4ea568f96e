"""Every threat of docs/threats.md names tests that exist and run."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROWS = re.findall(r"^\| (\w+) \| .+? \| (.+) \|$", (ROOT / "docs" / "threats.md").read_text(encoding="utf-8"), re.M)
THREATS = {number: re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", tests) for number, tests in ROWS}


def test_every_threat_has_a_row() -> None:
    assert {f"T{number}" for number in range(1, 31)} <= THREATS.keys()
    assert [number for number, tests in THREATS.items() if not tests] == []


@pytest.mark.parametrize("number", sorted(THREATS))
def test_the_tests_against_a_threat_exist_and_are_not_skipped(number: str) -> None:
    for file, name in THREATS[number]:
        functions = {
            node.name: node
            for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body
            if isinstance(node, ast.FunctionDef)
        }
        assert name in functions, f"{file}::{name}"
        assert not any("skip" in ast.unparse(decorator) for decorator in functions[name].decorator_list)
