"""Half a deployment: a proxy of before the site stands beside it, and asks the same nodes."""

from __future__ import annotations

from http.client import HTTPConnection
from pathlib import Path

from tests.attack.nginx import nginx_before
from tests.chaos.check import OK, read_ledger
from tests.chaos.client import Client, make_request
from tests.chaos.stage import stage
from tests.servers import gunicorn

from .site import running_site


class PlainProxy:
    """An nginx that hands requests on and adds nothing: no id, no X-Forwarded, no limits."""

    def __init__(self, port: int) -> None:
        self._port = port

    def connection(self, timeout: float) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self._port, timeout=timeout)


def test_a_request_gets_one_number_through_the_old_proxy_and_the_site(tmp_path: Path) -> None:
    with (
        stage("postgres", tmp_path / "stage") as the_stage,
        gunicorn("wsgi:app", tmp_path / "gunicorn.log", the_stage.env) as node,
        nginx_before(node, tmp_path) as plain,
        running_site(tmp_path / "site", [node.address]) as site,
        Client(PlainProxy(plain.buffering), the_stage.records / "old.jsonl") as old,
        Client(site, the_stage.records / "new.jsonl") as new,
    ):
        numbers: list[str | None] = []
        for order in the_stage.book(6, passengers=1):
            request = make_request(order.order_number, order.passengers)
            clients = (old, new) if len(numbers) % 2 else (new, old)
            first, second = (client.ask(request) for client in clients)
            assert first is not None
            assert (first.status, first.code) == (200, OK)
            assert second == first
            numbers.append(first.data)
        assert sorted(read_ledger(the_stage.engine).refunds) == sorted(map(str, numbers))
