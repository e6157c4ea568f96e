"""The rule of tests/conftest.py: with CI set, a skipped test is a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"

SKIPS = """
import pytest

def test_skips():
    pytest.skip("no server here")

@pytest.mark.skip(reason="not today")
def test_is_marked():
    pass

@pytest.mark.xfail(reason="known")
def test_is_expected_to_fail():
    assert False

def test_passes():
    pass
"""


def run_pytest(folder: Path, tests: str, ci: str) -> str:
    (folder / "conftest.py").write_text(CONFTEST.read_text())
    (folder / "test_sample.py").write_text(tests)
    command = [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider", str(folder)]
    result = subprocess.run(
        command, cwd=folder, env={**os.environ, "CI": ci}, capture_output=True, text=True, check=False
    )
    return result.stdout


@pytest.mark.parametrize(
    ("ci", "closing"), [("true", "1 failed, 1 passed, 1 xfailed, 1 error"), ("", "1 passed, 2 skipped, 1 xfailed")]
)
def test_a_skipped_test_fails_only_with_ci_set(tmp_path: Path, ci: str, closing: str) -> None:
    output = run_pytest(tmp_path, SKIPS, ci)
    assert closing in output
    assert "no server here" in output


def test_a_module_skipped_while_collecting_fails_with_ci_set(tmp_path: Path) -> None:
    output = run_pytest(tmp_path, 'import pytest\npytest.importorskip("no_such_module")\n', "true")
    assert "1 error" in output
    assert "skipped, and CI is set" in output
