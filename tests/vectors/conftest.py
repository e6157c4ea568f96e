"""Prints how many vectors of each group came out, whenever the vectors were run."""

from __future__ import annotations

import pytest

from tests.vectors import test_parity


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if test_parity.failed.cache_info().currsize:
        terminalreporter.section("vectors")
        terminalreporter.write_line(", ".join(f"{group} {n} of {m}" for group, (n, m) in test_parity.tally().items()))
