"""Orders from the shop: a file is checked whole, and what has been paid or refunded is never overwritten."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from refund_api.domain import Order, Refund
from refund_api.ports import Ledger
from refund_api.storage.audit import audit
from refund_api.storage.shop.importing import Conflict, ImportedOrder, ImportResult, import_orders, read_import
from refund_api.storage.shop.order_view import read_order
from refund_api.storage.tables import orders, passenger
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.world import ALICE, BOB, ORDER

from .given import NOW, a_refund, at_once, book, cancel, count, violations

LINE: dict[str, Any] = {
    "order_number": ORDER,
    "train_date": "2027-06-01",
    "state": "booked",
    "currency": "CNY",
    "passengers": [{"passenger_id": ALICE, "paid_minor": 100}, {"passenger_id": BOB, "paid_minor": 100}],
}
LATER = NOW + timedelta(seconds=1)
PASSENGER = {"passenger_id": ALICE, "paid_minor": 100}


def line(**changes: Any) -> str:
    return json.dumps(LINE | changes) + "\n"


def passengers(many: int, first: int = 0, paid: int = 100) -> list[dict[str, Any]]:
    numbers = range(first, first + many)
    return [{"passenger_id": f"{number:08x}-0000-4000-8000-000000000000", "paid_minor": paid} for number in numbers]


def imported(engine: Engine, *lines: str, at: datetime = NOW) -> ImportResult:
    found, problems = read_import(lines)
    assert problems == []
    return import_orders(engine, found, lambda done: None, clock=lambda: at)


def test_a_good_line_is_read_with_its_ids_in_canonical_form() -> None:
    found, problems = read_import(["\ufeff" + line(passengers=[PASSENGER | {"passenger_id": ALICE.upper()}]), "\n"])
    assert problems == []
    assert len(found) == 1
    assert list(found) == [ImportedOrder(1, Order(ORDER, date(2027, 6, 1), "booked", "CNY"), {ALICE: 100})]
    assert list(found) == list(found)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("1" * 5000, "not JSON"),
        (b"\xff\n", "not UTF-8"),
        ("[]", "the line is not an object"),
        ('{"a": 1, "a": 2}', 'the key "a" is there twice'),
        ("{}", "order_number is missing"),
        (line(more=1), 'unknown key "more"'),
        (line(order_number=""), 'order_number "": blank, or not 1 to 64 characters without control characters'),
        (
            line(order_number=" \u3000"),
            r'order_number " \u3000": blank, or not 1 to 64 characters without control characters',
        ),
        (
            line(order_number="x" * 65),
            f'order_number "{"x" * 65}": blank, or not 1 to 64 characters without control characters',
        ),
        (
            line(order_number="a\0"),
            r'order_number "a\u0000": blank, or not 1 to 64 characters without control characters',
        ),
        (
            line(order_number="a\x85"),
            r'order_number "a\u0085": blank, or not 1 to 64 characters without control characters',
        ),
        (
            line(order_number="\ud800"),
            r'order_number "\ud800": blank, or not 1 to 64 characters without control characters',
        ),
        (line(order_number=1), "order_number 1: blank, or not 1 to 64 characters without control characters"),
        (line(train_date="20270601"), 'train_date "20270601": not a date YYYY-MM-DD'),
        (line(train_date="2027-02-30"), 'train_date "2027-02-30": not a date YYYY-MM-DD'),
        (line(train_date="２０２７-06-01"), r'train_date "\uff12\uff10\uff12\uff17-06-01": not a date YYYY-MM-DD'),
        (line(train_date=None), "train_date null: not a date YYYY-MM-DD"),
        (line(state="Booked"), 'state "Booked": not 1 to 16 of a-z and _'),
        (line(state="booked\n"), r'state "booked\n": not 1 to 16 of a-z and _'),
        (line(state="x" * 17), f'state "{"x" * 17}": not 1 to 16 of a-z and _'),
        (line(currency="cny"), 'currency "cny": not three capital letters'),
        (line(passengers=None), "passengers: not a list"),
        (line(passengers=passengers(1001)), "passengers: 1001, more than 1000"),
        (line(passengers=[1]), "a passenger is not an object"),
        (line(passengers=[{"passenger_id": ALICE}]), "paid_minor is missing"),
        (line(passengers=[PASSENGER | {"name": "x"}]), 'unknown key "name"'),
        (line(passengers=[PASSENGER | {"passenger_id": "x"}]), 'passenger_id "x": not a GUID with hyphens'),
        (
            line(passengers=[PASSENGER | {"passenger_id": "{" + ALICE + "}"}]),
            f'passenger_id "{{{ALICE}}}": not a GUID with hyphens',
        ),
        (
            line(passengers=[PASSENGER, PASSENGER | {"passenger_id": ALICE.upper()}]),
            f"passenger_id {ALICE} is there twice",
        ),
        (line(passengers=[PASSENGER | {"paid_minor": -1}]), "paid_minor -1: not an integer from 0 to 1000000000000000"),
        (
            line(passengers=[PASSENGER | {"paid_minor": 1.0}]),
            "paid_minor 1.0: not an integer from 0 to 1000000000000000",
        ),
        (
            line(passengers=[PASSENGER | {"paid_minor": True}]),
            "paid_minor true: not an integer from 0 to 1000000000000000",
        ),
        (
            line(passengers=[PASSENGER | {"paid_minor": "1"}]),
            'paid_minor "1": not an integer from 0 to 1000000000000000',
        ),
        (
            line(passengers=[PASSENGER | {"paid_minor": 10**15 + 1}]),
            "paid_minor 1000000000000001: not an integer from 0 to 1000000000000000",
        ),
        (line(state="y" * 200), f'state "{"y" * 79}…: not 1 to 16 of a-z and _'),
    ],
)
def test_a_bad_line_is_reported_by_number_and_reason(bad: str | bytes, reason: str) -> None:
    found, problems = read_import([line(order_number="good"), bad, line(order_number="good too")])
    assert [(problem.line, problem.reason) for problem in problems] == [(2, reason)]
    assert len(found) == 2
    with pytest.raises(ValueError, match="line 2: "):
        list(found)


def test_every_bad_line_is_reported_and_an_order_twice_too() -> None:
    _, problems = read_import(["{", line(), "[]", line(state="ticketed")])
    assert [(problem.line, problem.reason) for problem in problems] == [
        (1, "not JSON"),
        (3, "the line is not an object"),
        (4, f"order_number {ORDER} is on an earlier line too"),
    ]


def test_a_file_a_pipe_and_a_list_are_all_read_twice(tmp_path: Path) -> None:
    text = line(order_number="1") + line(order_number="2")
    (tmp_path / "orders.jsonl").write_text(text)
    with open(tmp_path / "orders.jsonl", "rb") as file:
        found, _ = read_import(file)
        assert [len(list(found)), len(list(found))] == [2, 2]
    for lines in (io.StringIO(text), text.splitlines(), iter(text.splitlines())):
        found, problems = read_import(lines)
        assert problems == []
        assert [len(list(found)), len(list(found))] == [2, 2]


def test_new_orders_are_created_and_importing_again_changes_nothing(engine: Engine) -> None:
    assert imported(engine, line()) == ImportResult(created=1)
    assert imported(engine, line()) == ImportResult(unchanged=1)
    view = read_order(engine, ORDER)
    assert view is not None
    assert view.order == Order(ORDER, date(2027, 6, 1), "booked", "CNY")
    assert view.updated_at == NOW
    assert {passenger.passenger_id: passenger.paid_minor for passenger in view.passengers} == {ALICE: 100, BOB: 100}


def test_an_upsert_changes_state_and_date_and_adds_passengers_but_takes_none_away(engine: Engine) -> None:
    imported(engine, line(passengers=[PASSENGER]), line(order_number="another"))
    newcomer = {"passenger_id": BOB, "paid_minor": 50}
    changed = line(state="ticketed", train_date="2027-07-01", passengers=[newcomer])
    assert imported(engine, changed, at=LATER) == ImportResult(updated=1)
    view, another = read_order(engine, ORDER), read_order(engine, "another")
    assert view is not None and another is not None
    assert (view.order, view.updated_at) == (Order(ORDER, date(2027, 7, 1), "ticketed", "CNY"), LATER)
    assert (another.order, another.updated_at) == (Order("another", date(2027, 6, 1), "booked", "CNY"), NOW)
    assert {passenger.passenger_id: passenger.paid_minor for passenger in view.passengers} == {ALICE: 100, BOB: 50}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"passengers": [{"passenger_id": ALICE, "paid_minor": 99}]}, f"passenger {ALICE} paid 100, the line says 99"),
        (
            {"passengers": [{"passenger_id": ALICE, "paid_minor": 101}]},
            f"passenger {ALICE} paid 100, the line says 101",
        ),
        ({"currency": "USD"}, "the currency is CNY, the line says USD"),
    ],
)
def test_what_was_paid_is_never_changed_nor_anything_else_of_such_a_line(
    engine: Engine, changes: dict[str, Any], reason: str
) -> None:
    imported(engine, line())
    result = imported(engine, line(order_number="another"), line(state="ticketed", **changes))
    assert result == ImportResult(created=1, conflicts=[Conflict(2, ORDER, reason)])
    view = read_order(engine, ORDER)
    assert view is not None
    assert view.order.state == "booked"


def test_no_line_makes_an_order_of_more_than_a_thousand_passengers(engine: Engine) -> None:
    imported(engine, line(passengers=passengers(600)))
    reason = "with the line's the order would have 1001 passengers, more than 1000"
    too_many = line(passengers=passengers(401, first=600))
    assert imported(engine, too_many) == ImportResult(conflicts=[Conflict(1, ORDER, reason)])
    assert count(engine, passenger) == 600
    assert imported(engine, line(passengers=passengers(500, first=500))) == ImportResult(updated=1)


def record(new: Refund, closes: bool, ledger: Ledger) -> None:
    ledger.record(new, closes_order=closes)


def test_the_largest_order_is_imported_refunded_and_audited(engine: Engine) -> None:
    largest = passengers(1000, paid=10**15)
    assert imported(engine, line(passengers=largest)) == ImportResult(created=1)
    ids = [passenger["passenger_id"] for passenger in largest]
    halves = [dict.fromkeys(half, 10**15) for half in (ids[:500], ids[500:])]
    for half, closes in zip(halves, (False, True), strict=True):
        new = replace(a_refund(half), items=half)
        SqlUnitOfWork(engine).run(partial(record, new, closes))
    report = audit(engine.url.render_as_string(hide_password=False))
    assert (report.refunds, report.clean) == (2, True), report


def test_an_order_with_a_refund_is_left_alone(engine: Engine) -> None:
    imported(engine, line())
    SqlUnitOfWork(engine).run(cancel)
    reason = "the order has a refund: nothing of it changes any more"
    assert imported(engine, line()) == ImportResult(unchanged=1)
    assert imported(engine, line(state="ticketed")) == ImportResult(conflicts=[Conflict(1, ORDER, reason)])
    SqlUnitOfWork(engine).run(partial(cancel, passengers=[BOB]))
    assert imported(engine, line()) == ImportResult(conflicts=[Conflict(1, ORDER, reason)])
    assert violations(engine) == []


def test_a_large_file_is_committed_in_batches_and_progress_told_after_each(engine: Engine) -> None:
    found, _ = read_import([line(order_number=str(number)) for number in range(2500)])
    told: list[tuple[int, int]] = []
    result = import_orders(engine, found, lambda done: told.append((done, count(engine, orders))))
    assert result == ImportResult(created=2500)
    assert told == [(1000, 1000), (2000, 2000), (2500, 2500)]
    assert count(engine, passenger) == 5000


def test_the_file_is_not_read_ahead_of_the_batch(engine: Engine) -> None:
    read = []

    def lines() -> Iterator[ImportedOrder]:
        for number in range(2500):
            read.append(number)
            yield ImportedOrder(number, Order(str(number), date(2027, 6, 1), "booked", "CNY"), {})

    seen: list[int] = []
    import_orders(engine, lines(), lambda done: seen.append(len(read)))
    assert seen == [1000, 2000, 2500]


def test_an_import_waits_for_a_cancellation_of_the_same_order(engine: Engine) -> None:
    book(engine)
    locked, importing = threading.Event(), threading.Event()

    def slow_cancel(ledger: Ledger) -> object:
        ledger.lock_order(ORDER)
        locked.set()
        importing.wait(10)
        return cancel(ledger)

    def import_meanwhile() -> ImportResult:
        locked.wait(10)
        threading.Timer(0.2, importing.set).start()
        return imported(engine, line(state="ticketed"))

    works: list[Callable[[], object]] = [partial(SqlUnitOfWork(engine).run, slow_cancel), import_meanwhile]
    number, result = at_once(works)
    assert isinstance(number, str)
    assert isinstance(result, ImportResult)
    assert len(result.conflicts) == 1
    with engine.connect() as connection:
        assert connection.scalar(select(orders.c.state)) == "booked"


def test_the_same_file_imported_twice_at_once_is_imported_once(engine: Engine) -> None:
    lines = [line(order_number=str(number)) for number in range(50)]
    results = at_once([partial(imported, engine, *lines), partial(imported, engine, *reversed(lines))])
    assert all(isinstance(result, ImportResult) for result in results), results
    assert count(engine, orders) == 50
    assert sum(result.created for result in results if isinstance(result, ImportResult)) == 50
