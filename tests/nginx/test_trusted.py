"""The service with the settings that the site asks for: it believes the site, and both tell pages the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from refund_api.http.cors import EXPOSED
from refund_api.storage.tables import refund
from tests.attack.nginx import nginx_before
from tests.chaos.client import make_request
from tests.chaos.stage import Stage, stage
from tests.servers import Gunicorn, gunicorn

from .asking import JSON, PATH, ask
from .site import LISTED, TIMEOUT, Site, running_site

FORGED = {"X-Forwarded-For": '203.0.113.7, "', "X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example"}
CORS = {"Access-Control-Allow-Origin": LISTED, "Access-Control-Expose-Headers": ", ".join(EXPOSED), "Vary": "Origin"}


@dataclass(frozen=True)
class Trusting:
    """A site before a node that trusts it, and the node's ledger."""

    site: Site
    node: Gunicorn
    stage: Stage


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trusting]:
    folder = tmp_path_factory.mktemp("trusting")
    with stage("postgres", folder) as the_stage:
        env = {**the_stage.env, "REFUND_API_TRUSTED_PROXIES": "1", "REFUND_API_CORS_ORIGINS": LISTED}
        with (
            gunicorn("wsgi:app", folder / "gunicorn.log", env) as node,
            running_site(folder / "site", [node.address]) as site,
        ):
            yield Trusting(site, node, the_stage)


def source_of_a_refund(the_stage: Stage, site: Site, client: str) -> str:
    """What the ledger keeps when a client at this address cancels an order and claims another address."""
    (order,) = the_stage.book(1, passengers=1)
    request = make_request(order.order_number, order.passengers)
    connection = site.connection(TIMEOUT, source=client)
    connection.request("POST", PATH, request.body, {"Content-Type": request.content_type, **FORGED})
    assert connection.getresponse().status == 200
    connection.close()
    with the_stage.engine.connect() as ledger:
        return str(ledger.scalar(select(refund.c.source).where(refund.c.order_number == order.order_number)))


def test_the_source_of_a_refund_is_the_client_whatever_it_claims(trusting: Trusting) -> None:
    assert source_of_a_refund(trusting.stage, trusting.site, "127.0.0.9") == "127.0.0.9"


def test_behind_the_site_and_another_proxy_the_source_is_still_the_client(trusting: Trusting, tmp_path: Path) -> None:
    env = {**trusting.stage.env, "REFUND_API_TRUSTED_PROXIES": "2"}
    with (
        gunicorn("wsgi:app", tmp_path / "gunicorn.log", env) as node,
        nginx_before(node, tmp_path) as inner,
        running_site(tmp_path / "site", [f"127.0.0.1:{inner.buffering}"]) as site,
    ):
        assert source_of_a_refund(trusting.stage, site, "127.0.0.9") == "127.0.0.9"


def test_the_text_of_a_404_has_the_address_that_the_client_asked(trusting: Trusting) -> None:
    answer = ask(trusting.site, path="/api//order/cancel", headers={**FORGED, "Host": "refunds.example.com"})
    assert b"request URI 'https://refunds.example.com/api//order/cancel'" in answer.content


@pytest.mark.parametrize(("path", "body"), [(PATH, b"{}"), ("/nowhere", b"{}"), (PATH, b"x" * 70_000)])
def test_a_page_may_read_what_the_service_and_what_nginx_says_by_the_same_headers(
    trusting: Trusting, path: str, body: bytes
) -> None:
    answer = ask(trusting.site, path=path, body=body, headers={**JSON, "Origin": LISTED})
    assert CORS.items() <= answer.headers.items()


def test_a_preflight_reaches_the_service(trusting: Trusting) -> None:
    asked = {
        "Origin": LISTED,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    answer = ask(trusting.site, "OPTIONS", body=b"", headers=asked)
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (204, LISTED)


@pytest.mark.parametrize("page", ["/healthz", "/readyz", "/metrics", "/version"])
def test_the_pages_for_operators_are_on_the_node_and_not_on_the_site(trusting: Trusting, page: str) -> None:
    assert ask(trusting.node, "GET", page, b"").status == 200
    assert ask(trusting.site, "GET", page, b"").status == 404


def test_an_id_that_was_sent_comes_back_once_and_one_that_was_made_does_not(trusting: Trusting) -> None:
    assert ask(trusting.site, headers={**JSON, "X-Request-ID": "shop-1"}).headers["X-Request-ID"] == "shop-1"
    assert "X-Request-ID" not in ask(trusting.site).headers
