"""The pages for client developers are forwarded only where the operator has copied the file that says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo_service import demo_service
from tests.servers import Gunicorn

from .site import Site, running_site

FORWARDED = ("/", "/Help", "/Help/Api/POST-api-order-cancel", "/Help/help.css", "/openapi.json", "/docs", "/xsd/")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    keys = [{"kid": "web", "scheme": "v2", "secret": "a secret of v2 for the pages behind nginx"}]
    with demo_service(tmp_path_factory.mktemp("node"), keys) as running:
        yield running


def get(site: Site, path: str) -> tuple[int, str]:
    connection = site.connection()
    connection.request("GET", path)
    answer = connection.getresponse()
    content = answer.read().decode()
    connection.close()
    return answer.status, content


def test_as_shipped_no_page_is_forwarded(node: Gunicorn, tmp_path: Path) -> None:
    with running_site(tmp_path / "site", [node.address]) as site:
        assert [get(site, path)[0] for path in FORWARDED] == [404] * len(FORWARDED)


def test_with_the_file_the_pages_are_forwarded_and_operators_pages_are_not(node: Gunicorn, tmp_path: Path) -> None:
    with running_site(tmp_path / "site", [node.address], pages=True) as site:
        assert [get(site, path)[0] for path in FORWARDED] == [200] * len(FORWARDED)
        status, page = get(site, "/Help/nope")
        assert status == 404 and "There is no such page" in page, "the page of the service"
        assert [get(site, path)[0] for path in ("/metrics", "/healthz", "/readyz", "/Helper")] == [404] * 4
