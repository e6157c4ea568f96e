"""Recorded answers of the legacy through the site; and which paths reach the service at all."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.conformance import Vector, differences
from tests.e2e.test_socket_vectors import VECTORS, send
from tests.servers import Gunicorn, gunicorn

from .asking import JSON, PATH, ask
from .conftest import KEYS
from .site import TIMEOUT, Site, running_site

METHODS_OF_NGINX = re.compile(r".*[^A-Z]|TRACE\Z")
PATHS_OF_NGINX = re.compile(r".*%(?![0-9A-F]{2})|.*%(?:00|2F)", re.I)
"""nginx answers these by itself: docs/deviations.md."""
PATHS_OF_THE_ACTION = re.compile(r"/+api/+order/+cancel(/[^/]*)?/*\Z", re.I)
PER_ADDRESS = 90
"""Requests that one address may send at once."""


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("recording")
    env = {"REFUND_API_KEYS": KEYS, "REFUND_API_DATABASE_URL": f"sqlite:///{folder}/never-opened.db"}
    with (
        gunicorn("tests.e2e.recording:app", folder / "gunicorn.log", env) as node,
        running_site(folder / "site", [node.address]) as site,
    ):
        yield site


def reaches_a_node(vector: Vector) -> bool:
    method, path = vector["request"]["method"], vector["request"]["path"].partition("?")[0]
    by_nginx = METHODS_OF_NGINX.match(method) or PATHS_OF_NGINX.match(path)
    return not by_nginx and bool(PATHS_OF_THE_ACTION.match(path))


def answered_wrongly(site: Site, vectors: list[Vector]) -> dict[str, list[str]]:
    wrong = {}
    for start in range(0, len(vectors), PER_ADDRESS):
        connection = site.connection(TIMEOUT)
        for vector in vectors[start : start + PER_ADDRESS]:
            outcome = send(connection, vector)
            # The legacy was recorded without TLS, and the text of a 404 has the scheme.
            found = differences(vector, outcome | {"body": outcome["body"].replace(b"https://", b"http://")})
            if found:
                wrong[vector["id"]] = found
        connection.close()
    return wrong


def test_every_recorded_answer_comes_through_to_the_byte(recording: Site) -> None:
    vectors = [vector for vector in VECTORS if reaches_a_node(vector)]
    assert len(vectors) > 1500
    assert answered_wrongly(recording, vectors) == {}


@pytest.mark.parametrize(
    "path",
    [
        "/API/Order/Cancel",
        "/api/order/cancel/",
        "/api/order/cancel/7",
        "/api/order/cancel/7//",
        "/api/order/cancel//",
        "//api/order/cancel",
        "/api/order/%63ancel",
        "/api/order/cancel/a%20b?x=1",
    ],
)
def test_every_spelling_that_the_service_answers_reaches_it(site: Site, node: Gunicorn, path: str) -> None:
    direct = ask(node, path=path)
    assert direct.status == 200
    assert ask(site, path=path) == direct


@pytest.mark.parametrize("path", ["/api//order/cancel", "///api/order/cancel", "/api/x/%2e%2e/order/cancel"])
def test_a_path_that_only_nginx_takes_for_the_action_gets_the_404_of_the_service(
    site: Site, node: Gunicorn, path: str
) -> None:
    direct = ask(node, path=path, headers={**JSON, "Host": "localhost"})
    assert direct.status == 404
    by_site = ask(site, path=path, headers={**JSON, "Host": "localhost"})
    assert replace(by_site, content=by_site.content.replace(b"https://", b"http://")) == direct


@pytest.mark.parametrize("page", ["healthz", "readyz", "metrics", "version", "help", "static/x", ""])
@pytest.mark.parametrize(
    "disguise",
    ["/{}", "//{}", "/{}/", f"{PATH}/../../../{{}}", f"{PATH}/%2e%2e/%2e%2e/%2e%2e/{{}}", "/%2f{}", "/x/../{}"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_else_of_a_node_is_reached(site: Site, page: str, disguise: str, method: str) -> None:
    request_id = uuid.uuid4().hex
    assert ask(site, method, disguise.format(page), headers={"X-Request-ID": request_id}).status == 404
    assert site.logged(request_id)["node"] == ""
