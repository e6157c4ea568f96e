"""Half a deployment: this service behind a proxy that knows nothing of it, and the site before another version.

The earlier version is here this code again; `python -m tests.nginx.half_deployed --old DIR` has a real one.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest
from sqlalchemy import select

from refund_api.storage.tables import refund
from tests.attack.nginx import nginx_program
from tests.chaos.check import OK, read_ledger
from tests.chaos.client import Client, make_request
from tests.chaos.stage import stage
from tests.servers import ROOT, START_TIMEOUT, Gunicorn, free_port, gunicorn, wait_for_port

from .asking import JSON, PATH, ask
from .half_deployed import run
from .site import running_site

PLAIN = """\
daemon off; master_process off; pid {folder}/plain.pid; error_log {folder}/plain.log;
events {{ }}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    scgi_temp_path {folder}/scgi; uwsgi_temp_path {folder}/uwsgi;
    server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://{node}; }} }}
}}
"""
"""What everybody writes first: HTTP/1.0, a connection for each request, the headers of the client as they are."""
CLAIMED = "203.0.113.7"


@dataclass(frozen=True)
class PlainProxy:
    """A running nginx that hands requests on and adds nothing: no id, no X-Forwarded, no limits."""

    port: int

    def connection(self, timeout: float) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=timeout)


@contextmanager
def plain_proxy(node: Gunicorn, folder: Path) -> Iterator[PlainProxy]:
    port, configuration, log = free_port(), folder / "plain.conf", folder / "plain.log"
    configuration.write_text(PLAIN.format(folder=folder, node=node.address, port=port))
    process = subprocess.Popen([nginx_program(), "-c", str(configuration), "-e", str(log)], stdin=subprocess.DEVNULL)
    try:
        wait_for_port(process, port, log)
        yield PlainProxy(port)
    finally:
        process.terminate()
        process.wait(START_TIMEOUT)


def test_a_request_gets_one_number_through_the_old_proxy_and_the_site(tmp_path: Path) -> None:
    with (
        stage("postgres", tmp_path / "stage") as the_stage,
        gunicorn("wsgi:app", tmp_path / "gunicorn.log", the_stage.env) as node,
        plain_proxy(node, tmp_path) as plain,
        running_site(tmp_path / "site", [node.address]) as site,
        Client(plain, the_stage.records / "old.jsonl") as old,
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


@pytest.mark.parametrize(("trusted", "source"), [("0", "127.0.0.1"), ("1", CLAIMED)])
def test_a_node_that_trusts_a_plain_proxy_believes_its_clients(tmp_path: Path, trusted: str, source: str) -> None:
    with stage("postgres", tmp_path / "stage") as the_stage:
        env = {**the_stage.env, "REFUND_API_TRUSTED_PROXIES": trusted}
        (order,) = the_stage.book(1, passengers=1)
        request = make_request(order.order_number, order.passengers)
        headers = {"Content-Type": request.content_type, "X-Forwarded-For": CLAIMED}
        with gunicorn("wsgi:app", tmp_path / "gunicorn.log", env) as node, plain_proxy(node, tmp_path) as plain:
            assert ask(plain, path=PATH, body=request.body, headers=headers).status == 200
        with the_stage.engine.connect() as ledger:
            assert ledger.scalars(select(refund.c.source)).all() == [source]


@pytest.mark.parametrize(
    ("method", "path", "body", "encoding"),
    [
        ("POST", PATH, b"{}", "identity"),
        ("POST", PATH, b"x" * 70_000, "identity"),
        ("POST", PATH, b"{}", "gzip"),
        ("POST", "/nowhere", b"{}", "identity"),
        ("PUT", PATH, b"{}", "identity"),
    ],
)
def test_a_plain_proxy_passes_the_answers_of_the_service_as_they_are(
    node: Gunicorn, tmp_path: Path, method: str, path: str, body: bytes, encoding: str
) -> None:
    headers = {**JSON, "Content-Encoding": encoding}
    with plain_proxy(node, tmp_path) as plain:
        through = ask(plain, method, path, body, headers)
    assert through == ask(node, method, path, body, {**headers, "Host": node.address})


def test_the_site_before_two_versions_breaks_no_promise(tmp_path: Path) -> None:
    figures, found = run({"old": ROOT, "new": ROOT}, 5, tmp_path / "stage")
    assert {kind: sentences for kind, sentences in found.items() if sentences} == {}
    assert figures["refunds"] > 0
