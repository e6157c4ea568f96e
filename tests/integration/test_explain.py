"""Explain my request beside a ledger that it could reach: nothing that is explained leaves a trace in it."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from app import create_app
from refund_api.actions import CANCEL
from refund_api.settings import Settings
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.schema import upgrade
from refund_api.storage.shop.importing import import_orders, read_import
from tests.fakes import signed
from tests.unit.cli.running import order_line
from tests.wire import FORMATS, members_of
from tests.world import ALICE, ORDER

SECRET = "a legacy secret that is the demo's"


def content_of(database: Path) -> list[str]:
    with sqlite3.connect(database) as connection:
        return [*connection.iterdump()]


def test_an_explained_request_changes_nothing_and_can_still_be_sent(tmp_path: Path) -> None:
    database = tmp_path / "refunds.db"
    database.touch()
    engine = make_engine(f"sqlite:///{database}", threads=1)
    upgrade(engine)
    with read_import([order_line()])[0] as orders:
        import_orders(engine, orders, lambda done: None)
    engine.dispose()
    keys = json.dumps({"keys": [{"kid": "demo", "scheme": "legacy", "secret": SECRET}]})
    settings = Settings(help="demo", keys=keys, database_url=f"sqlite:///{database}")
    client = create_app(settings).test_client()
    request = members_of(signed(ORDER, ALICE, at=datetime.now(UTC), secret=SECRET.encode()))

    before = content_of(database)
    for form in FORMATS:
        page = "/Help/Explain/POST-api-order-cancel"
        explained = client.post(page, data=form.write(request), content_type=form.content_type).get_json()
        assert explained["signature"]["cause"] is None, "so it is one that the action would record"
    assert content_of(database) == before
    assert client.post(CANCEL.path, json=request).get_json()["code"] == 1
    assert content_of(database) != before
