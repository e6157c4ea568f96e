"""Orders from the shop: a file is checked whole, and what has been paid or refunded is never overwritten."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, text
from sqlalchemy.exc import SQLAlchemyError

from refund_api.domain import Order, Refund, Refusal
from refund_api.ports import Ledger
from refund_api.storage.audit import audit
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.shop.importing import (
    MOST_ORDERS,
    BadLines,
    ImportedOrder,
    ImportResult,
    Listed,
    import_orders,
    read_import,
)
from refund_api.storage.shop.order_view import read_order
from refund_api.storage.shop.report import Listing
from refund_api.storage.tables import metadata, orders, passenger
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.world import ALICE, BOB, CAROL, ORDER

from .given import NOW, a_refund, at_once, book, cancel, count, url_of, violations

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


def read(lines: Iterable[str | bytes], at: datetime = NOW) -> tuple[list[ImportedOrder], BadLines]:
    found, bad_lines = read_import(lines, clock=lambda: at)
    with found:
        return list(found), bad_lines


def imported(engine: Engine, *lines: str, at: datetime = NOW) -> ImportResult:
    found, bad_lines = read(lines, at)
    assert bad_lines.first == []
    return import_orders(engine, found, lambda done: None, clock=lambda: at)


def listed(number: int, reason: str, order_number: str = ORDER) -> Listing:
    return Listing([Listed(number, order_number, reason)], 1)


def faults_of(*lines: str | bytes) -> list[tuple[int, str]]:
    """Line and fault, one after the other."""
    _, bad_lines = read(lines)
    return [(bad.line, fault) for bad in bad_lines.first for fault in bad.faults]


def test_a_good_line_is_read_with_its_ids_in_canonical_form() -> None:
    found, bad_lines = read(["\ufeff" + line(passengers=[PASSENGER | {"passenger_id": ALICE.upper()}]), "\n"])
    assert bad_lines.count == 0
    assert len(found) == 1
    assert list(found) == [ImportedOrder(1, Order(ORDER, date(2027, 6, 1), "booked", "CNY"), {ALICE: 100})]


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("1" * 5000, "not JSON"),
        (b"\xff\n", "not UTF-8"),
        ("[]", "the line is not an object"),
        (line()[:-2] + ', "state": "booked"}', 'the key "state" is there twice'),
        (json.dumps({name: value for name, value in LINE.items() if name != "state"}), "state is missing"),
        (json.dumps({name: value for name, value in LINE.items() if name != "passengers"}), "passengers is missing"),
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
        (line(train_date="20270601"), 'train_date "20270601": not a date YYYY-MM-DD from 2000 to 2099'),
        (line(train_date="2027-02-30"), 'train_date "2027-02-30": not a date YYYY-MM-DD from 2000 to 2099'),
        (
            line(train_date="２０２７-06-01"),
            r'train_date "\uff12\uff10\uff12\uff17-06-01": not a date YYYY-MM-DD from 2000 to 2099',
        ),
        (line(train_date=None), "train_date null: not a date YYYY-MM-DD from 2000 to 2099"),
        (line(state="Booked"), 'state "Booked": not 1 to 16 of a-z and _'),
        (line(state="booked\n"), r'state "booked\n": not 1 to 16 of a-z and _'),
        (line(state="x" * 17), f'state "{"x" * 17}": not 1 to 16 of a-z and _'),
        (line(train_date="1900-01-01"), 'train_date "1900-01-01": not a date YYYY-MM-DD from 2000 to 2099'),
        (
            line(state="cancelled"),
            'state "cancelled": the word of the ledger; mark the passengers as cancelled_elsewhere instead',
        ),
        (line(as_of="2026-11-23"), 'as_of "2026-11-23": not a time with its zone, as 2027-06-01T08:00:00Z'),
        (
            line(as_of="2026-11-23T08:00:00"),
            'as_of "2026-11-23T08:00:00": not a time with its zone, as 2027-06-01T08:00:00Z',
        ),
        (
            line(as_of="2026-02-30T08:00:00Z"),
            'as_of "2026-02-30T08:00:00Z": not a time with its zone, as 2027-06-01T08:00:00Z',
        ),
        (line(as_of="2027-11-23T08:00:00Z"), "as_of 2027-11-23T08:00:00+00:00: in the future"),
        (line(passengers=[PASSENGER | {"cancelled_elsewhere": 1}]), "cancelled_elsewhere 1: not true or false"),
        (line(state="x" * (1 << 20)), "longer than 1048576 bytes"),
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
def test_a_bad_line_is_reported_by_number_and_fault(bad: str | bytes, fault: str) -> None:
    assert faults_of(line(order_number="good"), bad, line(order_number="good too")) == [(2, fault)]


def test_all_faults_of_every_bad_line_are_reported_at_once() -> None:
    passenger_faults = [PASSENGER | {"paid_minor": -1}, {"passenger_id": "x"}]
    lines = ["{", line(), line(state="Booked", currency="cny", more=1, passengers=passenger_faults), "{}"]
    assert faults_of(*lines) == [
        (1, "not JSON"),
        (3, 'state "Booked": not 1 to 16 of a-z and _'),
        (3, 'currency "cny": not three capital letters'),
        (3, 'unknown key "more"'),
        (3, "paid_minor -1: not an integer from 0 to 1000000000000000"),
        (3, 'passenger_id "x": not a GUID with hyphens'),
        (3, "paid_minor is missing"),
        *((4, f"{name} is missing") for name in ("order_number", "train_date", "state", "currency", "passengers")),
    ]


def test_of_a_line_with_hundreds_of_faults_some_are_told() -> None:
    faults = faults_of(line(passengers=[{"passenger_id": str(number), "paid_minor": 1} for number in range(500)]))
    assert len(faults) == 11
    assert faults[-1] == (1, "and 490 faults more")


def test_good_lines_are_kept_beside_bad_ones_and_read_as_often_as_wanted() -> None:
    found, bad_lines = read_import(iter([line(order_number="1"), "{", line(order_number="2")]))
    with found:
        assert (len(found), bad_lines.count) == (2, 1)
        assert [entry.line for entry in found] == [entry.line for entry in found] == [1, 3]


def test_of_two_lines_of_one_order_the_last_wins(engine: Engine) -> None:
    result = imported(engine, line(), line(order_number="another"), line(state="ticketed"))
    assert result == ImportResult(created=2, updated=1)
    view = read_order(engine, ORDER)
    assert view is not None
    assert view.order.state == "ticketed"


def test_new_orders_are_created_and_importing_again_changes_nothing(engine: Engine) -> None:
    assert imported(engine, line()) == ImportResult(created=1)
    assert imported(engine, line()) == ImportResult(unchanged=1)
    view = read_order(engine, ORDER)
    assert view is not None
    assert view.order == Order(ORDER, date(2027, 6, 1), "booked", "CNY")
    assert view.updated_at == NOW
    assert {passenger.passenger_id: passenger.paid_minor for passenger in view.passengers} == {ALICE: 100, BOB: 100}


def test_days_and_times_are_stored_as_everything_else_stores_them(engine: Engine) -> None:
    imported(engine, line(passengers=BOTH))
    imported(engine, line(order_number="other", passengers=[PASSENGER]))
    imported(engine, line(order_number="other", passengers=[PASSENGER | ELSEWHERE]))
    stored = {"train_date": date(2027, 6, 1), "state": "cancelled", "currency": "CNY", "updated_at": NOW, "as_of": NOW}
    with engine.begin() as connection:
        connection.execute(insert(orders), stored | {"order_number": "as ever"})
        times = "SELECT CAST(train_date AS TEXT), CAST(updated_at AS TEXT), CAST(as_of AS TEXT) FROM orders"
        assert len(set(connection.execute(text(times)))) == 1
        marks = (
            "SELECT CAST(cancelled_elsewhere_at AS TEXT) FROM passenger UNION SELECT CAST(as_of AS TEXT) FROM orders"
        )
        assert len(connection.execute(text(marks)).all()) == 1


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
    assert result == ImportResult(created=1, conflicts=listed(2, reason))
    view = read_order(engine, ORDER)
    assert view is not None
    assert view.order.state == "booked"


def test_no_line_makes_an_order_of_more_than_a_thousand_passengers(engine: Engine) -> None:
    imported(engine, line(passengers=passengers(600)))
    reason = "with the line's the order would have 1001 passengers, more than 1000"
    too_many = line(passengers=passengers(401, first=600))
    assert imported(engine, too_many) == ImportResult(conflicts=listed(1, reason))
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


def test_an_order_with_a_refund_takes_state_date_and_passengers_but_no_other_amount(engine: Engine) -> None:
    imported(engine, line())
    SqlUnitOfWork(engine).run(cancel)
    assert imported(engine, line()) == ImportResult(unchanged=1)
    changed = line(state="ticketed", train_date="2027-07-01", passengers=[{"passenger_id": CAROL, "paid_minor": 7}])
    assert imported(engine, changed) == ImportResult(updated=1)
    assert SqlUnitOfWork(engine).run(partial(cancel, passengers=[BOB])) is Refusal.ORDER_NOT_CANCELLABLE
    reason = f"passenger {ALICE} paid 100, the line says 99"
    cheaper = line(passengers=[PASSENGER | {"paid_minor": 99}])
    assert imported(engine, cheaper) == ImportResult(conflicts=listed(1, reason))
    view = read_order(engine, ORDER)
    assert view is not None
    assert (view.order.state, view.order.train_date) == ("ticketed", date(2027, 7, 1))
    assert {p.passenger_id: p.paid_minor for p in view.passengers} == {ALICE: 100, BOB: 100, CAROL: 7}
    assert violations(engine) == []


def test_cancelled_stays_the_word_of_the_ledger_until_a_passenger_is_added(engine: Engine) -> None:
    imported(engine, line())
    SqlUnitOfWork(engine).run(partial(cancel, passengers=[ALICE, BOB]))
    assert imported(engine, line(state="ticketed")) == ImportResult(unchanged=1)
    assert state_of(engine) == "cancelled"
    assert imported(engine, line(passengers=[{"passenger_id": CAROL, "paid_minor": 7}])) == ImportResult(updated=1)
    assert state_of(engine) == "booked"
    assert violations(engine) == []


def state_of(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return connection.scalar(select(orders.c.state).where(orders.c.order_number == ORDER))


ELSEWHERE = {"cancelled_elsewhere": True}
BOTH = [PASSENGER | ELSEWHERE, PASSENGER | ELSEWHERE | {"passenger_id": BOB}]


def test_a_passenger_cancelled_elsewhere_is_refused_and_the_mark_is_not_undone(engine: Engine) -> None:
    assert imported(engine, line()) == ImportResult(created=1)
    assert imported(engine, line(passengers=[PASSENGER | ELSEWHERE])) == ImportResult(updated=1, marked=1)
    reason = f"cancelled elsewhere before, and stays so: {ALICE}"
    for said in (PASSENGER, PASSENGER | {"cancelled_elsewhere": False}):
        result = imported(engine, line(passengers=[said]), at=LATER)
        assert result == ImportResult(unchanged=1, kept_marks=listed(1, reason))
        assert SqlUnitOfWork(engine).run(cancel) is Refusal.ALREADY_CANCELLED
    view = read_order(engine, ORDER)
    assert view is not None
    assert [p.cancelled_elsewhere_at for p in view.passengers] == [NOW, None]
    assert imported(engine, line(passengers=[PASSENGER | ELSEWHERE])) == ImportResult(
        older=listed(1, f"the shop spoke of it at {LATER}, which is later")
    )


@pytest.mark.parametrize("known", [False, True])
def test_an_order_whose_passengers_are_all_cancelled_elsewhere_is_cancelled(engine: Engine, known: bool) -> None:
    if known:
        imported(engine, line(passengers=[PASSENGER]))
    assert imported(engine, line(state="closed", passengers=BOTH)).marked == 2
    assert state_of(engine) == "cancelled"
    assert violations(engine) == []


def test_the_last_mark_closes_an_order_with_refunds(engine: Engine) -> None:
    imported(engine, line())
    SqlUnitOfWork(engine).run(cancel)
    assert imported(engine, line(passengers=BOTH[1:])) == ImportResult(updated=1, marked=1)
    assert state_of(engine) == "cancelled"
    assert violations(engine) == []


def test_a_passenger_refunded_here_and_elsewhere_is_listed_and_the_rest_of_the_line_is_taken(engine: Engine) -> None:
    imported(engine, line())
    SqlUnitOfWork(engine).run(cancel)
    result = imported(engine, line(state="ticketed", passengers=BOTH))
    reason = f"refunded here and cancelled elsewhere: {ALICE}"
    assert result == ImportResult(updated=1, marked=1, refunded_by_both=listed(1, reason))
    assert result.needs_attention
    assert state_of(engine) == "cancelled"
    assert violations(engine) == []


def test_a_mark_is_taken_from_a_line_that_is_older_or_contradicts_an_amount(engine: Engine) -> None:
    imported(engine, line(), at=LATER)
    older = imported(engine, line(state="ticketed", passengers=[PASSENGER | ELSEWHERE]))
    assert (older.older.count, older.marked) == (1, 1)
    wrong = [PASSENGER | {"paid_minor": 99}, BOTH[1]]
    conflicting = imported(engine, line(state="ticketed", passengers=wrong), at=LATER)
    assert (conflicting.conflicts.count, conflicting.marked) == (1, 1)
    assert state_of(engine) == "cancelled"
    assert SqlUnitOfWork(engine).run(partial(cancel, passengers=[BOB])) is Refusal.ALREADY_CANCELLED
    assert violations(engine) == []


def test_an_older_line_changes_neither_state_nor_date_and_is_listed(engine: Engine) -> None:
    spoken = ["2026-11-23T08:00:00Z", "2026-11-23T16:00:01+08:00", "2026-11-23 08:00:00.9999999 +00:00"]
    assert imported(engine, line(as_of=spoken[1])) == ImportResult(created=1)
    newcomer = [{"passenger_id": CAROL, "paid_minor": 1}]
    for earlier in (spoken[0], spoken[2]):
        result = imported(engine, line(as_of=earlier, state="ticketed", train_date="2027-07-01", passengers=newcomer))
        assert result == ImportResult(
            older=listed(1, "the shop spoke of it at 2026-11-23 08:00:01+00:00, which is later")
        )
        assert not result.needs_attention
    assert imported(engine, line(as_of=spoken[1], state="ticketed")) == ImportResult(updated=1)
    assert imported(engine, line(as_of="2026-11-23T08:00:02Z", state="ticketed")) == ImportResult(unchanged=1)
    view = read_order(engine, ORDER)
    assert view is not None
    assert view.as_of == datetime(2026, 11, 23, 8, 0, 2, tzinfo=UTC)
    assert len(view.passengers) == 2


def test_a_line_without_a_time_speaks_as_of_the_beginning_of_its_import(engine: Engine) -> None:
    imported(engine, line(), at=LATER)
    assert imported(engine, line(state="ticketed")).older.count == 1
    assert imported(engine, line(state="ticketed"), at=LATER).updated == 1


def test_an_order_that_earlier_code_imported_takes_every_line(engine: Engine) -> None:
    book(engine)
    assert imported(engine, line(as_of="2020-01-01T00:00:00Z", state="ticketed")) == ImportResult(updated=1)


def test_a_check_tells_what_would_become_of_the_lines_and_writes_nothing(engine: Engine) -> None:
    imported(engine, line())
    SqlUnitOfWork(engine).run(cancel)
    rows = all_rows(engine)
    found, _ = read([line(state="ticketed", passengers=BOTH), line(order_number="new")])
    result = import_orders(engine, found, lambda done: None, clock=lambda: LATER, only_check=True)
    assert (result.created, result.updated, result.marked, result.refunded_by_both.count) == (1, 1, 1, 1)
    assert all_rows(engine) == rows


def all_rows(engine: Engine) -> list[list[Any]]:
    with engine.connect() as connection:
        return [list(connection.execute(select(table))) for table in metadata.sorted_tables]


def newest_feed(engine: Engine) -> datetime | None:
    return SqlUnitOfWork(engine).run(lambda ledger: ledger.newest_feed())


def test_the_newest_feed_knows_as_much_as_the_newest_line_of_an_import_that_came_to_its_end(engine: Engine) -> None:
    assert newest_feed(engine) is None
    imported(engine, line(), at=NOW)
    assert newest_feed(engine) == NOW
    hour_ago = (NOW - timedelta(hours=1)).isoformat()
    imported(engine, line(as_of=hour_ago))
    assert newest_feed(engine) == NOW, "an older feed does not make it older"
    imported(engine, line(as_of=hour_ago), line(order_number="2", as_of=LATER.isoformat()))
    assert newest_feed(engine) == LATER


def test_an_import_that_broke_off_does_not_make_the_feed_fresh(engine: Engine) -> None:
    def stop(done: int) -> None:
        raise KeyboardInterrupt

    found, _ = read([line()])
    with pytest.raises(KeyboardInterrupt):
        import_orders(engine, found, stop)
    assert newest_feed(engine) is None
    assert count(engine, orders) == 1


def test_a_large_file_is_committed_in_batches_and_progress_told_after_each(engine: Engine) -> None:
    found, _ = read([line(order_number=str(number)) for number in range(2500)])
    told: list[tuple[int, int]] = []
    result = import_orders(engine, found, lambda done: told.append((done, count(engine, orders))))
    assert result == ImportResult(created=2500)
    assert told == [(1000, 1000), (2000, 2000), (2500, 2500)]
    assert count(engine, passenger) == 5000


def test_a_batch_is_bounded_by_its_passengers_so_that_no_lock_is_held_for_long(engine: Engine) -> None:
    sizes = [900, 900, 900, 1000, 1000, 1000, 1, 1]
    lines = [line(order_number=str(number), passengers=passengers(size)) for number, size in enumerate(sizes)]
    found, _ = read(lines)
    told: list[int] = []
    import_orders(engine, found, told.append)
    assert told == [2, 4, 6, 8]


def test_the_file_is_read_no_further_than_to_the_line_behind_the_batch(engine: Engine) -> None:
    read = []

    def lines() -> Iterator[ImportedOrder]:
        for number in range(2500):
            read.append(number)
            yield ImportedOrder(number, Order(str(number), date(2027, 6, 1), "booked", "CNY"), {})

    seen: list[int] = []
    import_orders(engine, lines(), lambda done: seen.append(len(read)))
    assert seen == [1001, 2001, 2500]


@pytest.fixture
def two_connections(engine: Engine) -> Iterator[Engine]:
    """The same database, for an import that writes two batches at once."""
    two = make_engine(url_of(engine), threads=2)
    yield two
    two.dispose()


def test_batches_written_at_once_leave_what_one_after_the_other_leaves(two_connections: Engine) -> None:
    found, _ = read([line(order_number=str(number)) for number in range(2 * MOST_ORDERS + 7)])
    told: list[int] = []
    result = import_orders(two_connections, found, told.append, writers=2)
    assert result == ImportResult(created=2 * MOST_ORDERS + 7)
    assert told == [MOST_ORDERS, 2 * MOST_ORDERS, 2 * MOST_ORDERS + 7]
    assert count(two_connections, orders) == 2 * MOST_ORDERS + 7
    assert newest_feed(two_connections) is not None


def test_of_batches_written_at_once_the_later_line_of_an_order_wins(two_connections: Engine) -> None:
    states = ["booked", "ticketed"] * 20 + ["closed"]
    found, _ = read([line(state=state) for state in states])  # an order that comes again ends its batch
    told: list[int] = []
    import_orders(two_connections, found, told.append, writers=2)
    assert told == list(range(1, 42))
    assert state_of(two_connections) == "closed"


def test_a_batch_that_fails_ends_an_import_that_writes_several_at_once(two_connections: Engine) -> None:
    def lines() -> Iterator[ImportedOrder]:
        for number in range(6 * MOST_ORDERS):
            paid = {"not a GUID" * 10_000: 2**70} if number == MOST_ORDERS else {ALICE: 1}
            yield ImportedOrder(number, Order(str(number), date(2027, 6, 1), "booked", "CNY"), paid)

    told: list[int] = []
    with pytest.raises((OverflowError, SQLAlchemyError)):
        import_orders(two_connections, lines(), told.append, writers=2)
    assert told == [MOST_ORDERS]
    assert newest_feed(two_connections) is None
    assert count(two_connections, orders) % MOST_ORDERS == 0, "each batch is whole or not there at all"


def test_an_import_that_is_interrupted_begins_no_other_batch(two_connections: Engine) -> None:
    begun: list[int] = []
    interrupted = threading.Event()

    def clock() -> datetime:
        if threading.current_thread() is not threading.main_thread():  # a writer begins a batch
            begun.append(1)
            interrupted.wait(10)
        return NOW

    def lines() -> Iterator[ImportedOrder]:
        for number in range(4 * MOST_ORDERS):
            if number > 3 * MOST_ORDERS:  # two batches are being written, and the third waits for a writer
                threading.Timer(0.5, interrupted.set).start()
                raise KeyboardInterrupt
            yield ImportedOrder(number, Order(str(number), date(2027, 6, 1), "booked", "CNY"), {})

    with pytest.raises(KeyboardInterrupt):
        import_orders(two_connections, lines(), lambda done: None, clock=clock, writers=2)
    assert len(begun) == 2
    assert count(two_connections, orders) == 2 * MOST_ORDERS


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
    assert result == ImportResult(updated=1)
    assert state_of(engine) == "ticketed"
    assert violations(engine) == []


def test_the_same_file_imported_twice_at_once_is_imported_once(engine: Engine) -> None:
    lines = [line(order_number=str(number)) for number in range(50)]
    results = at_once([partial(imported, engine, *lines), partial(imported, engine, *reversed(lines))])
    assert all(isinstance(result, ImportResult) for result in results), results
    assert count(engine, orders) == 50
    assert sum(result.created for result in results if isinstance(result, ImportResult)) == 50
