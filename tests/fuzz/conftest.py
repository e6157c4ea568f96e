"""The service on a new SQLite ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .target import Target, target_on


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    with target_on(f"sqlite:///{tmp_path}/ledger.db") as target:
        yield target
