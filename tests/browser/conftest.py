"""One browser for all tests, and one demo with help pages, whose orders suffice for all that they cancel."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.demo_service import demo_service
from tests.servers import Gunicorn

from .chromium import Chromium, chromium
from .pages import KEYS

ORDERS = [f"DEMO202611270000000{n:02}" for n in range(16)]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with chromium(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    with demo_service(tmp_path_factory.mktemp("demo"), KEYS, mode="demo", more_orders=ORDERS) as running:
        yield running
