"""Behind a real nginx, or two of them, the ledger keeps the address of the client, whatever the client claims."""

from __future__ import annotations

import http.client
import json
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from refund_api.storage import schema, tables
from refund_api.storage.engines.urls import make_engine
from tests.attack.nginx import nginx_before
from tests.fakes import signed
from tests.servers import START_TIMEOUT, Gunicorn, gunicorn
from tests.wire import members_of, write_json
from tests.world import ALICE, ORDER, SECRET

CLIENT = "127.0.0.9"  # all of 127.0.0.0/8 is this machine, so a client can have an address of its own
FORGED = {"X-Forwarded-For": '10.0.0.1, "', "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
KEYS = json.dumps({"keys": [{"kid": "web", "scheme": "legacy", "secret": SECRET.decode()}]})


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """A ledger with one order that can be cancelled today."""
    url, now = f"sqlite:///{tmp_path}/refunds.db", datetime.now(UTC)
    engine = make_engine(url, threads=1)
    schema.upgrade(engine)
    order = {"order_number": ORDER, "train_date": now.date() + timedelta(days=60), "state": "booked", "currency": "CNY"}
    paid = {"order_number": ORDER, "passenger_id": ALICE, "paid_minor": 100}
    with engine.begin() as connection:
        connection.execute(insert(tables.orders).values({**order, "updated_at": now}))
        connection.execute(insert(tables.passenger).values(paid))
    engine.dispose()
    return url


def ask(server: Gunicorn, path: str, body: bytes) -> str:
    """The answer to a client that has an address of its own and forges headers."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=START_TIMEOUT, source_address=(CLIENT, 0))
    connection.request("POST", path, body, {"Content-Type": "application/json", **FORGED})
    answer = connection.getresponse().read().decode()
    connection.close()
    return answer


@pytest.mark.parametrize(("proxies", "trusted", "source"), [(1, 0, "127.0.0.1"), (1, 1, CLIENT), (2, 2, CLIENT)])
def test_the_source_of_a_refund_is_the_client(
    database_url: str, tmp_path: Path, proxies: int, trusted: int, source: str
) -> None:
    env = {"REFUND_API_DATABASE_URL": database_url, "REFUND_API_KEYS": KEYS}
    env["REFUND_API_TRUSTED_PROXIES"] = str(trusted)
    with ExitStack() as stack:
        server = stack.enter_context(gunicorn("wsgi:app", tmp_path / "gunicorn.log", env))
        outermost = server
        for number in range(proxies):
            folder = tmp_path / f"nginx{number}"
            folder.mkdir()
            nginx = stack.enter_context(nginx_before(outermost, folder))
            outermost = replace(server, port=nginx.buffering)
        body = write_json(members_of(signed(at=datetime.now(UTC))))
        assert json.loads(ask(outermost, "/api/order/cancel", body))["code"] == 1
        assert "request URI 'http://127.0.0.1" in ask(outermost, "/nope", b"")
    engine = make_engine(database_url, threads=1)
    with engine.connect() as connection:
        assert connection.scalars(select(tables.refund.c.source)).all() == [source]
    engine.dispose()
