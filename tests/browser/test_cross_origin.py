"""What pages of a listed and of an unlisted origin can do, in a real Chromium, against a real gunicorn.

Needs Debian's chromium and libjs-jquery; `make test-browser` says which is missing.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from refund_api.storage.engines.urls import make_engine
from refund_api.storage.schema import upgrade
from refund_api.storage.shop.importing import import_orders, read_import
from refund_api.storage.shop.order_view import read_order
from tests.fakes import signed
from tests.servers import gunicorn
from tests.unit.cli.running import order_line
from tests.wire import members_of, write_form, write_json, write_xml
from tests.world import ALICE, SECRET

from .chromium import Chromium, Page
from .shop import Shop, shop

PATH = "/api/order/cancel"
JSON = {"Content-Type": "application/json"}
FORM = "application/x-www-form-urlencoded; charset=UTF-8"

# As the shop's form sends it.
POST_BY_JQUERY = """(url, data) => new Promise(done => $.ajax({
    type: 'post', dataType: 'json', url: url, data: data,
    success: (result, _, answer) => done({status: answer.status, result: result,
                                          date: answer.getResponseHeader('Date')}),
    error: answer => done({status: answer.status, result: null, date: null}),
}))"""

FETCH = """(url, options) => fetch(url, {method: 'POST', ...options}).then(
    async answer => ({status: answer.status, text: await answer.text(),
                      headers: Object.fromEntries(answer.headers)}),
    error => ({status: null, text: String(error), headers: {}}))"""

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Service:
    """A service that lists one origin of the shop, its ledger, and one whose database is away."""

    url: str
    away: str
    database_url: str

    def new_order(self) -> str:
        order_number = f"CTT{next(_numbers)}"
        engine = make_engine(self.database_url, threads=1)
        with read_import([order_line(order_number)])[0] as orders:
            import_orders(engine, orders, lambda done: None)
        engine.dispose()
        return order_number

    def refund_of(self, order_number: str) -> str | None:
        """The number of the order's refund, as the ledger has it."""
        engine = make_engine(self.database_url, threads=1)
        order = read_order(engine, order_number)
        engine.dispose()
        assert order is not None
        return order.refunds[0].refund_id if order.refunds else None


@pytest.fixture(scope="module")
def the_shop() -> Iterator[Shop]:
    with shop() as running:
        yield running


@pytest.fixture(scope="module")
def service(the_shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    url = f"sqlite:///{folder}/refunds.db"
    (folder / "refunds.db").touch()
    engine = make_engine(url, threads=1)
    upgrade(engine)
    engine.dispose()
    env = {
        "REFUND_API_DATABASE_URL": url,
        "REFUND_API_KEYS": json.dumps({"keys": [{"kid": "web", "scheme": "legacy", "secret": SECRET.decode()}]}),
        "REFUND_API_CORS_ORIGINS": f"https://shop.example,{the_shop.listed}",
        "REFUND_API_EXPLAIN": "1",
    }
    without = env | {"REFUND_API_DATABASE_URL": f"sqlite:///{folder}/none.db"}
    with (
        gunicorn("wsgi:app", folder / "gunicorn.log", env) as running,
        gunicorn("wsgi:app", folder / "away.log", without) as away,
    ):
        yield Service(running.url, away.url, url)


@pytest.fixture
def page(browser: Chromium, the_shop: Shop) -> Page:
    """A page of the listed origin."""
    return browser.open(the_shop.listed)


@pytest.fixture
def unlisted_page(browser: Chromium, the_shop: Shop) -> Page:
    return browser.open(the_shop.unlisted)


def members(order_number: str, **changed: Any) -> dict[str, Any]:
    return members_of(signed(order_number, ALICE, at=datetime.now(UTC), random=next(_numbers)), **changed)


def test_the_shops_form_is_answered_and_its_page_reads_the_number(page: Page, service: Service) -> None:
    order = service.new_order()
    answer = page.run(POST_BY_JQUERY, service.url + PATH, members(order))
    assert answer["status"] == 200
    assert answer["result"] == {"code": 1, "message": "Cancelled", "data": service.refund_of(order)}
    assert answer["date"].endswith("GMT")


def test_json_is_sent_behind_a_preflight_and_the_page_reads_the_headers(page: Page, service: Service) -> None:
    order = service.new_order()
    options = {
        "headers": JSON | {"X-Request-ID": "page-1", "traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"},
        "body": write_json(members(order, colour="red")).decode(),
    }
    answer = page.run(FETCH, service.url + PATH, options)
    assert answer["status"] == 200, answer
    assert json.loads(answer["text"]) == {"code": 1, "message": "Cancelled", "data": service.refund_of(order)}
    assert answer["headers"]["x-data-contract-ignored"].startswith("colour: ")
    assert answer["headers"]["date"].endswith("GMT")


def test_xml_is_sent_behind_a_preflight(page: Page, service: Service) -> None:
    order = service.new_order()
    options = {
        "headers": {"Content-Type": "text/xml", "Accept": "text/xml"},
        "body": write_xml(members(order)).decode(),
    }
    answer = page.run(FETCH, service.url + PATH, options)
    assert (answer["status"], answer["headers"]["content-type"]) == (200, "text/xml; charset=utf-8")
    assert f"<data>{service.refund_of(order)}</data>" in answer["text"]


@pytest.mark.parametrize(
    ("status", "path", "options"),
    [
        (404, "/api/order/nope", {"headers": {"Content-Type": FORM}, "body": "random=1"}),
        (405, PATH, {"method": "GET"}),
        (413, PATH, {"headers": JSON, "body": "x" * 65537}),
        (413, PATH, {"headers": {"Content-Type": FORM}, "body": "x" * 5_000_000}),
        (415, PATH, {"headers": {"Content-Type": "text/plain"}, "body": "x"}),
    ],
)
def test_the_page_reads_the_refusals_of_the_framework(
    page: Page, service: Service, status: int, path: str, options: dict[str, Any]
) -> None:
    answer = page.run(FETCH, service.url + path, options)
    assert answer["status"] == status, answer
    assert json.loads(answer["text"])["Message"].startswith("The request") or status == 404


def test_the_page_reads_when_to_try_again(page: Page, service: Service) -> None:
    for options in (
        {"headers": JSON, "body": write_json(members("CTT0")).decode()},
        {"headers": {"Content-Type": FORM}, "body": write_form(members("CTT0")).decode()},
    ):
        answer = page.run(FETCH, service.away + PATH, options)
        assert (answer["status"], answer["headers"]["retry-after"]) == (503, "2"), answer
        assert json.loads(answer["text"])["code"] == 3001


def test_an_unlisted_page_cannot_read_but_its_form_is_served(unlisted_page: Page, service: Service) -> None:
    order = service.new_order()
    answer = unlisted_page.run(POST_BY_JQUERY, service.url + PATH, members(order))
    assert answer == {"status": 0, "result": None, "date": None}
    assert service.refund_of(order) is not None


def test_json_of_an_unlisted_page_is_never_sent(unlisted_page: Page, service: Service) -> None:
    order = service.new_order()
    options = {"headers": JSON, "body": write_json(members(order)).decode()}
    answer = unlisted_page.run(FETCH, service.url + PATH, options)
    assert (answer["status"], answer["text"]) == (None, "TypeError: Failed to fetch")
    assert service.refund_of(order) is None


@pytest.mark.parametrize("more", [{"credentials": "include"}, {"method": "PUT"}])
def test_a_listed_page_may_neither_send_cookies_nor_another_method(
    page: Page, service: Service, more: dict[str, str]
) -> None:
    options = {"headers": JSON, "body": "{}", **more}
    assert page.run(FETCH, service.url + PATH, options)["status"] is None
