"""Bad input in every format, on the real ledger: the answer of the contract, and nothing changes but for code 1."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, insert, select

from app import create_app
from refund_api.settings import Settings
from refund_api.storage import tables
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.schema import upgrade
from tests.fakes import signed
from tests.wire import FORMATS, Format, members_of
from tests.world import ALICE, BOB, FAR_DAY, NOW, ORDER, SECRET, STRANGER

LEDGER = (tables.orders, tables.passenger, tables.refund, tables.refund_item, tables.refund_outbox)
TICKETED, DAY_30, DAY_31 = "CTT-ticketed", "CTT-day-30", "CTT-day-31"
KEYS = json.dumps({"keys": [{"kid": "web", "scheme": "legacy", "secret": SECRET.decode()}]})
IDS_65 = ",".join(f"{n:08x}-0000-4000-8000-000000000000" for n in range(65))

MIDNIGHT = datetime(2026, 11, 23, 16, tzinfo=UTC)
"""When 24 November begins in China."""


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{tmp_path}/refunds.db", threads=1)
    upgrade(engine)
    orders = {
        ORDER: ("booked", FAR_DAY),
        TICKETED: ("ticketed", FAR_DAY),
        DAY_30: ("booked", FAR_DAY - timedelta(days=1)),
        DAY_31: ("booked", FAR_DAY),
    }
    with engine.begin() as connection:
        for number, (state, train_date) in orders.items():
            row = {
                "order_number": number,
                "state": state,
                "train_date": train_date,
                "currency": "CNY",
                "updated_at": NOW,
            }
            connection.execute(insert(tables.orders).values(row))
            for passenger_id in (ALICE, BOB):
                paid = {"order_number": number, "passenger_id": passenger_id, "paid_minor": 55350}
                connection.execute(insert(tables.passenger).values(paid))
    yield engine
    engine.dispose()


@pytest.fixture
def client(engine: Engine, clock: Clock) -> FlaskClient:
    settings = Settings(database_url=str(engine.url), keys=KEYS)
    return create_app(settings, clock=clock).test_client()


def content(engine: Engine) -> list[list[tuple[Any, ...]]]:
    with engine.begin() as connection:
        return [sorted(map(tuple, connection.execute(select(table))), key=repr) for table in LEDGER]


def post(client: FlaskClient, format_: Format, body: bytes) -> dict[str, Any]:
    response = client.post(
        "/api/order/cancel", data=body, content_type=format_.content_type, headers={"Accept": "application/json"}
    )
    assert (response.status_code, response.content_type) == (200, "application/json; charset=utf-8")
    result: dict[str, Any] = json.loads(response.data)
    assert list(result) == ["code", "message", "data"]
    return result


MISSING = object()
MEMBERS = ("order_number", "refund_passanger_ids", "terminal", "time_stamp", "random", "sign")

CHANGES: list[tuple[str, dict[str, Any], int]] = [
    *((f"{name} missing", {name: MISSING}, 1001) for name in MEMBERS),
    *((f"{name} null", {name: None}, 1001) for name in MEMBERS),
    ("reason missing", {"refund_reason": MISSING}, 1),
    ("order_number too long", {"order_number": "x" * 65}, 1001),
    ("ids not GUIDs", {"refund_passanger_ids": "everybody"}, 1001),
    ("ids with a trailing comma", {"refund_passanger_ids": ALICE + ","}, 1001),
    ("65 ids", {"refund_passanger_ids": IDS_65}, 1001),
    ("reason too long", {"refund_reason": "x" * 501}, 1001),
    ("terminal undefined", {"terminal": 99}, 1001),
    ("terminal a word", {"terminal": "kiosk"}, 1001),
    ("time_stamp a date", {"time_stamp": "2026-11-23"}, 1001),
    ("time_stamp on 30 February", {"time_stamp": "20260230000000"}, 1001),
    ("random a word", {"random": "many"}, 1001),
    ("random out of range", {"random": "2147483648"}, 1001),
    ("random with a fraction", {"random": "5.5"}, 1001),
    ("sign malformed", {"sign": "abc"}, 1002),
    ("sign wrong", {"sign": "0" * 64}, 1002),
    ("order unknown", {"order_number": "CTT-unknown"}, 2001),
    ("order in another case", {"order_number": ORDER.lower()}, 2001),
    ("order with SQL in it", {"order_number": "x' OR '1'='1"}, 2001),
    ("foreign passenger", {"refund_passanger_ids": f"{ALICE},{STRANGER}"}, 2002),
    ("duplicate ids", {"refund_passanger_ids": f"{ALICE},{ALICE.upper()}"}, 1),
    ("state ticketed", {"order_number": TICKETED}, 2005),
    ("departure on day 30", {"order_number": DAY_30}, 2003),
    ("departure on day 31", {"order_number": DAY_31}, 1),
    ("an unknown member", {"coupon": "x"}, 1),
]


@pytest.mark.parametrize("format_", FORMATS, ids=lambda f: f.name)
@pytest.mark.parametrize(("change", "code"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_a_changed_member_gets_its_code_and_changes_nothing_else(
    client: FlaskClient, engine: Engine, format_: Format, change: dict[str, Any], code: int
) -> None:
    members = {k: v for k, v in members_of(signed(), **change).items() if v is not MISSING}
    before = content(engine)
    result = post(client, format_, format_.write(members))
    assert result["code"] == code, result
    assert (content(engine) != before) == (code == 1)
    assert (result["data"] is not None) == (code == 1)


UNREADABLE: list[tuple[str, bytes]] = [
    ("json", b""),
    ("json", b"null"),
    ("json", b"   "),
    ("json", b"{"),
    ("json", b"[]"),
    ("json", b"17"),
    ("json", b'"text"'),
    ("json", b"\xff\xfe\xff"),
    ("json", b"[" * 60_000),
    ("json", b'{"random":' + b"9" * 60_000 + b"}"),
    ("json", b"<TicketRefundRequest/>"),
    ("xml", b""),
    ("xml", b"   "),
    ("xml", b"<TicketRefundRequest/>"),
    ("xml", b"<Other xmlns='urn:x'/>"),
    ("xml", b"<TicketRefundRequest"),
    ("xml", b"not XML"),
    ("xml", b"{}"),
    ("xml", b"\xff\xfe\xff"),
    ("xml", b"<a>" * 20_000),
    ("xml", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
    ("xml", b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'),
    ("form", b""),
    ("form", b"&"),
    ("form", b"="),
    ("form", b"order_number[=x"),
    ("form", b"%FF%FE=%00"),
    ("form", b"&" * 60_000),
    ("form", b'{"order_number":"x"}'),
]


@pytest.mark.parametrize(("name", "body"), UNREADABLE)
def test_a_body_that_is_no_request_is_invalid(client: FlaskClient, engine: Engine, name: str, body: bytes) -> None:
    format_ = next(f for f in FORMATS if f.name == name)
    before = content(engine)
    result = post(client, format_, body)
    assert result["code"] == 1001
    assert result["message"].startswith("Invalid request: ")
    assert content(engine) == before


@pytest.mark.parametrize("format_", FORMATS, ids=lambda f: f.name)
def test_a_body_of_another_type_is_refused_in_the_format_the_client_reads(client: FlaskClient, format_: Format) -> None:
    body = format_.write(members_of(signed()))
    response = client.post("/api/order/cancel", data=body, content_type="text/plain", headers={"Accept": "text/xml"})
    assert response.status_code == 415
    assert response.content_type == "text/xml; charset=utf-8"
    assert response.data.startswith(b"<Error><Message>The request entity's media type 'text/plain'")


@pytest.mark.parametrize("format_", FORMATS, ids=lambda f: f.name)
@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_stale_signature_is_rejected_and_one_on_the_edge_is_not(
    client: FlaskClient, engine: Engine, clock: Clock, format_: Format, seconds: int
) -> None:
    before = content(engine)
    clock.now = NOW + timedelta(seconds=seconds)
    assert post(client, format_, format_.write(members_of(signed())))["code"] == 1002
    assert content(engine) == before
    clock.now = NOW + timedelta(seconds=seconds - (1 if seconds > 0 else -1))
    assert post(client, format_, format_.write(members_of(signed())))["code"] == 1


@pytest.mark.parametrize("format_", FORMATS, ids=lambda f: f.name)
@pytest.mark.parametrize(("seconds", "code"), [(-1, 1), (0, 2003), (1, 2003)])
def test_day_31_becomes_day_30_at_midnight_in_china(
    client: FlaskClient, clock: Clock, format_: Format, seconds: int, code: int
) -> None:
    clock.now = MIDNIGHT + timedelta(seconds=seconds)
    request = replace(signed(DAY_31, at=clock.now))
    assert post(client, format_, format_.write(members_of(request)))["code"] == code
