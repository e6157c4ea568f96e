"""Requests that come again, overlap, or carry a used signature: in every format, on every engine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine, select

from refund_api.storage.tables import metadata, request_nonce
from tests.figures import counted
from tests.integration.service import Answer, Service, service_on
from tests.wire import FORMATS, Format
from tests.world import ALICE, BOB

from .given import book, violations

REFUNDS = [table for table in metadata.sorted_tables if table is not request_nonce]


@dataclass(frozen=True)
class Shop:
    """A service with two orders of the same passengers, and a client that speaks one format."""

    service: Service
    form: Format

    def cancel(self, order: str, passengers: str, **options: Any) -> Answer:
        return self.service.cancel(order, passengers, self.form, **options)

    def rows(self) -> list[list[str]]:
        """Of all tables but the nonces."""
        with self.service.engine.connect() as connection:
            return [sorted(str(row) for row in connection.execute(select(table))) for table in REFUNDS]

    def nonces(self) -> list[str]:
        with self.service.engine.connect() as connection:
            return [str(row) for row in connection.execute(select(request_nonce))]


@pytest.fixture(params=FORMATS, ids=lambda form: form.name)
def form(request: pytest.FixtureRequest) -> Format:
    found: Format = request.param
    return found


@pytest.fixture
def shop(engine: Engine, form: Format) -> Shop:
    return open_shop(engine, form)


def open_shop(engine: Engine, form: Format, *, enforce_nonce: bool = True) -> Shop:
    for order in ("order", "another"):
        book(engine, order)
    return Shop(service_on(engine, enforce_nonce=enforce_nonce), form)


def code(answer: Answer) -> int:
    """Of JSON or XML."""
    found = re.search(rb'(?:"code":|<code>)([0-9]+)', answer.body)
    assert found is not None, answer
    return int(found[1])


def test_a_repeat_gets_the_first_number_and_an_overlap_is_refused(shop: Shop) -> None:
    first = shop.cancel("order", ALICE, random=1)
    recorded = shop.rows()
    assert code(first) == 1
    assert shop.cancel("order", ALICE, random=1).body == first.body
    assert shop.cancel("order", f" {ALICE.upper()} ", random=2, reason=None).body == first.body
    assert code(shop.cancel("order", f"{BOB},{ALICE}", random=3)) == 2004
    assert shop.rows() == recorded
    assert violations(shop.service.engine) == []


@pytest.mark.parametrize("order", ["order", "unknown"])
def test_a_signature_that_was_used_serves_nothing_else_and_its_first_use_stays(shop: Shop, order: str) -> None:
    first = shop.cancel(order, ALICE, random=1)
    recorded, used = shop.rows(), shop.nonces()
    for other, passengers, reason in (
        ("another", ALICE, "plans changed"),
        (order, BOB, "plans changed"),
        (order, ALICE, "other"),
    ):
        assert code(shop.cancel(other, passengers, random=1, reason=reason)) == 1002
    assert (shop.rows(), shop.nonces()) == (recorded, used)
    assert counted(shop.service.app, "nonce_conflicts") == {("enforced",): 3}
    assert shop.cancel(order, ALICE, random=1).body == first.body


def test_observed_a_used_signature_serves_another_order_is_counted_and_its_first_use_stays(
    engine: Engine, form: Format
) -> None:
    shop = open_shop(engine, form, enforce_nonce=False)
    first = shop.cancel("order", ALICE, random=1)
    used = shop.nonces()
    second = shop.cancel("another", ALICE, random=1)
    assert (code(first), code(second)) == (1, 1)
    assert first.body != second.body
    assert shop.nonces() == used
    assert counted(shop.service.app, "nonce_conflicts") == {("observed",): 1}
    assert shop.cancel("order", ALICE, random=1).body == first.body
    assert violations(engine) == []
