"""One site before a node that is there, and one before a node that is away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import Gunicorn, free_port, gunicorn

from .site import Site, running_site

KEYS = '{"keys": [{"kid": "test", "scheme": "legacy", "secret": "a shared secret of thirty-two b."}]}'


@pytest.fixture(scope="package")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    """The service, for requests that need no database."""
    folder = tmp_path_factory.mktemp("node")
    env = {"REFUND_API_KEYS": KEYS, "REFUND_API_DATABASE_URL": f"sqlite:///{folder}/never-opened.db"}
    with gunicorn("wsgi:app", folder / "gunicorn.log", env) as server:
        yield server


@pytest.fixture(scope="package")
def site(node: Gunicorn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("nginx") / "site", [node.address]) as running:
        yield running


@pytest.fixture(scope="package")
def site_without_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("nginx") / "site", [f"127.0.0.1:{free_port()}"]) as running:
        yield running
