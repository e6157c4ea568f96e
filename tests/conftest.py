"""Settings of the shell are taken away, so that no test finds the database or the keys of a demo.

With CI set, a test that is skipped is a failure: CI installs all that a test can ask for. And whenever the
recorded vectors were run, the summary says how many of each group came out.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest


def pytest_configure() -> None:
    for name in list(os.environ):
        if name.startswith("REFUND_API_"):
            del os.environ[name]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if not hasattr(report, "wasxfail"):
        _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip(report)
    return report


def _refuse_skip(report: Any) -> None:
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and CI is set: {report.longrepr[2]}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, [])]
    if any(report.nodeid.startswith("tests/vectors/") for report in reports):
        from tests.vectors.deviations import LISTED
        from tests.vectors.test_parity import tally

        terminalreporter.section("vectors")
        terminalreporter.write_line(", ".join(f"{group} {n} of {m}" for group, (n, m) in tally().items()))
        terminalreporter.write_line(f"Of those that differ, docs/deviations.md lists {len(LISTED)} with the reason.")
