"""The Ledger port on every engine: what is written is found, and what must not be written is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from functools import partial

import pytest
from sqlalchemy import Engine, Table, func, insert, literal, select
from sqlalchemy.exc import IntegrityError

from refund_api.domain import History, Order, Passenger, Refusal
from refund_api.ports import utc_now
from refund_api.storage.ledger import SqlLedger
from refund_api.storage.tables import (
    UtcTime,
    orders,
    passenger,
    refund,
    refund_item,
    refund_outbox,
    request_nonce,
)
from refund_api.storage.transaction import run_writing
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.world import ALICE, BOB, ORDER

from .given import NOW, a_nonce, a_refund, book, cancel, count, mark, violations


def test_a_recorded_refund_is_found_by_its_set_and_by_no_other(engine: Engine) -> None:
    book(engine)
    book(engine, "another")
    known = {ALICE: Passenger(100), BOB: Passenger(100)}
    new = a_refund([ALICE])
    unit = SqlUnitOfWork(engine)
    unit.run(lambda ledger: ledger.record(new, closes_order=False))
    assert unit.run(lambda ledger: ledger.history(ORDER, new.set_hash)) == History(known, {ALICE}, new.refund_id)
    others = a_refund([ALICE, BOB]).set_hash
    assert unit.run(lambda ledger: ledger.history(ORDER, others)) == History(known, {ALICE}, None)
    assert unit.run(lambda ledger: ledger.history("another", new.set_hash)) == History(known, set(), None)


def test_record_writes_the_refund_its_items_and_an_outbox_row(engine: Engine) -> None:
    book(engine)
    new = a_refund([ALICE, BOB])
    later = NOW + timedelta(seconds=1)
    SqlUnitOfWork(engine, clock=lambda: later).run(lambda ledger: ledger.record(new, closes_order=False))
    with engine.connect() as connection:
        row = connection.execute(select(refund)).mappings().one()
        items = connection.execute(select(refund_item)).mappings().all()
        outbox = connection.execute(select(refund_outbox)).mappings().one()
    assert dict(row) == {
        "order_number": ORDER,
        "refund_id": new.refund_id,
        "set_hash": new.set_hash,
        "amount_minor": 200,
        "currency": "CNY",
        "reason": "plans changed é",
        "recorded_at": later,
        "decided_at": NOW,
        "source": "192.0.2.7",
        "kid": "legacy",
        "request_id": "request-1",
    }
    assert {item["passenger_id"]: item["amount_minor"] for item in items} == {ALICE: 100, BOB: 100}
    assert {item["refund_id"] for item in items} == {new.refund_id}
    key = {"order_number": ORDER, "refund_id": new.refund_id}
    assert dict(outbox) == key | {"state": "new", "attempts": 0, "next_try_at": later, "last_error": None}


@pytest.mark.parametrize("reason", [None, "", "行程有变 \U0001f684", "a\r\n'\\\"{},%s $1", "x" * 500])
def test_a_reason_comes_back_as_it_was_written(engine: Engine, reason: str | None) -> None:
    book(engine)
    SqlUnitOfWork(engine).run(lambda ledger: ledger.record(replace(a_refund(), reason=reason), closes_order=False))
    with engine.connect() as connection:
        assert connection.scalar(select(refund.c.reason)) == reason


def test_an_amount_of_64_bits_and_a_time_with_microseconds_come_back_as_they_were(engine: Engine) -> None:
    book(engine)
    at = NOW.replace(microsecond=1)
    rich = replace(a_refund(), items={ALICE: 2**63 - 1}, decided_at=at)
    SqlUnitOfWork(engine, clock=lambda: at).run(lambda ledger: ledger.record(rich, closes_order=False))
    with engine.connect() as connection:
        row = connection.execute(select(refund.c.amount_minor, refund.c.recorded_at, refund.c.decided_at)).one()
    assert tuple(row) == (2**63 - 1, at, at)


def test_the_last_refund_closes_the_order_and_no_other(engine: Engine) -> None:
    book(engine)
    book(engine, "another")
    unit = SqlUnitOfWork(engine)
    unit.run(lambda ledger: ledger.record(a_refund([ALICE]), closes_order=False))
    assert unit.run(lambda ledger: ledger.lock_order(ORDER)) == Order(ORDER, date(2027, 6, 1), "booked", "CNY")
    unit.run(lambda ledger: ledger.record(a_refund([BOB]), closes_order=True))
    assert unit.run(lambda ledger: ledger.lock_order(ORDER)) == Order(ORDER, date(2027, 6, 1), "cancelled", "CNY")
    assert unit.run(lambda ledger: ledger.lock_order("another")) == Order("another", date(2027, 6, 1), "booked", "CNY")


def test_an_order_that_is_closed_is_updated_then(engine: Engine) -> None:
    book(engine)
    later = NOW + timedelta(seconds=1)
    unit = SqlUnitOfWork(engine, clock=lambda: later)
    for closes_order, updated_at in ((False, NOW), (True, later)):
        new = a_refund([BOB if closes_order else ALICE])
        unit.run(partial(SqlLedger.record, refund=new, closes_order=closes_order))
        with engine.connect() as connection:
            assert connection.scalar(select(orders.c.updated_at)) == updated_at


def test_every_passenger_of_the_order_is_told_and_nobody_else(engine: Engine) -> None:
    book(engine)
    book(engine, "another", [BOB])
    mark(engine, BOB)
    known = {ALICE: Passenger(100), BOB: Passenger(100, cancelled_elsewhere=True)}
    unit = SqlUnitOfWork(engine)
    assert unit.run(lambda ledger: ledger.history(ORDER, "")) == History(known, set(), None)
    assert unit.run(lambda ledger: ledger.history("unknown", "")) == History({}, set(), None)


def test_a_passenger_cancelled_elsewhere_is_not_refunded_and_closes_the_order_with_the_others(engine: Engine) -> None:
    book(engine)
    mark(engine, BOB)
    unit = SqlUnitOfWork(engine)
    assert unit.run(partial(cancel, passengers=[BOB])) is Refusal.ALREADY_CANCELLED
    assert unit.run(partial(cancel, passengers=[ALICE, BOB])) is Refusal.ALREADY_CANCELLED
    assert isinstance(unit.run(partial(cancel, passengers=[ALICE])), str)
    with engine.connect() as connection:
        assert connection.scalar(select(orders.c.state)) == "cancelled"
    assert violations(engine) == []


def test_the_primary_key_stops_a_double_refund_when_nothing_is_locked_or_judged(engine: Engine) -> None:
    book(engine)
    run_writing(engine, lambda connection: SqlLedger(connection).record(a_refund([ALICE]), closes_order=False))
    with pytest.raises(IntegrityError), engine.begin() as connection:
        SqlLedger(connection).record(a_refund([ALICE, BOB]), closes_order=False)
    assert (count(engine, refund), count(engine, refund_item), count(engine, refund_outbox)) == (1, 1, 1)


def test_an_equal_set_is_recorded_once_even_under_a_new_number(engine: Engine) -> None:
    book(engine)
    run_writing(engine, lambda connection: SqlLedger(connection).record(a_refund([ALICE]), closes_order=False))
    other_item = replace(a_refund([BOB]), set_hash=a_refund([ALICE]).set_hash)
    with pytest.raises(IntegrityError), engine.begin() as connection:
        SqlLedger(connection).record(other_item, closes_order=False)
    assert count(engine, refund) == 1


UNKNOWN_REFUND = {
    **dict.fromkeys(("order_number", "refund_id", "set_hash", "source", "kid", "request_id"), "unknown"),
    **dict.fromkeys(("recorded_at", "decided_at"), NOW),
    "currency": "CNY",
    "amount_minor": 1,
}


@pytest.mark.parametrize(
    ("table", "row"),
    [
        (passenger, {"order_number": ORDER, "passenger_id": "x", "paid_minor": -1}),
        (passenger, {"order_number": "unknown", "passenger_id": "x", "paid_minor": 1}),
        (refund, UNKNOWN_REFUND),
        (refund, UNKNOWN_REFUND | {"order_number": ORDER, "amount_minor": -1}),
        (refund_item, {"order_number": ORDER, "passenger_id": ALICE, "refund_id": "unknown", "amount_minor": 1}),
        (
            refund_outbox,
            {"order_number": ORDER, "refund_id": "unknown", "state": "new", "attempts": 0, "next_try_at": NOW},
        ),
    ],
)
def test_the_constraints_hold_on_both_engines(engine: Engine, table: Table, row: dict[str, object]) -> None:
    book(engine)
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(insert(table), row)


def test_a_refund_is_in_the_outbox_once_whatever_its_state(engine: Engine) -> None:
    book(engine)
    run_writing(engine, lambda connection: SqlLedger(connection).record(a_refund(), closes_order=False))
    with engine.connect() as connection:
        row = dict(connection.execute(select(refund_outbox)).mappings().one())
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(insert(refund_outbox), row | {"state": "sent"})


def test_an_outbox_state_is_new_sent_or_failed(engine: Engine) -> None:
    book(engine)
    run_writing(engine, lambda connection: SqlLedger(connection).record(a_refund(), closes_order=False))
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(refund_outbox.update().values(state="lost"))


@pytest.mark.parametrize(
    "asked",
    ["a", "A\u030a", "\u00c5 ", " \u00c5", "\u00e5", "\u00c5\u200d", "%", "_", "A"],
)
def test_order_numbers_are_compared_byte_for_byte(engine: Engine, asked: str) -> None:
    book(engine, "\u00c5")
    assert SqlUnitOfWork(engine).run(lambda ledger: ledger.lock_order(asked)) is None
    found = SqlUnitOfWork(engine).run(lambda ledger: ledger.lock_order("\u00c5"))
    assert found is not None
    assert found.order_number == "\u00c5"


def test_order_numbers_are_sorted_byte_for_byte(engine: Engine) -> None:
    numbers = ["a", "B", "ä", "Z", "b", "_", "1"]
    for number in numbers:
        book(engine, number, [])
    with engine.connect() as connection:
        found = list(connection.scalars(select(orders.c.order_number).order_by(orders.c.order_number)))
    assert found == sorted(numbers, key=str.encode)


def test_a_nonce_is_claimed_once_again_for_the_same_thing_and_never_for_another(engine: Engine) -> None:
    unit = SqlUnitOfWork(engine)
    assert unit.run(lambda ledger: ledger.claim_nonce(a_nonce("1", "a"), ORDER))
    assert unit.run(lambda ledger: ledger.claim_nonce(a_nonce("1", "a"), ORDER))
    assert not unit.run(lambda ledger: ledger.claim_nonce(a_nonce("1", "b"), ORDER))
    assert not unit.run(lambda ledger: ledger.claim_nonce(a_nonce("1", "b"), "another order"))
    assert unit.run(lambda ledger: ledger.claim_nonce(a_nonce("2", "b"), ORDER))
    with engine.connect() as connection:
        first = connection.execute(select(request_nonce).where(request_nonce.c.nonce == "1" * 64)).mappings().one()
    assert (first["fingerprint"], first["order_number"]) == ("a" * 64, ORDER)
    assert first["expires_at"] == NOW + timedelta(minutes=6)


def test_times_come_back_aware_in_utc_to_the_microsecond_whatever_zone_they_had(engine: Engine) -> None:
    china = NOW.astimezone(timezone(timedelta(hours=8)))
    new = replace(a_refund(), decided_at=china)
    book(engine)
    run_writing(engine, lambda connection: SqlLedger(connection).record(new, closes_order=False))
    with engine.connect() as connection:
        found = connection.scalar(select(refund.c.decided_at))
        earlier = connection.scalar(select(func.count()).where(refund.c.decided_at < china))
        not_later = connection.scalar(select(func.count()).where(refund.c.decided_at <= NOW))
    assert found == NOW
    assert found.tzinfo is UTC
    assert (earlier, not_later) == (0, 1)


def test_a_time_without_a_zone_is_refused(engine: Engine) -> None:
    book(engine)
    naive = replace(a_refund(), decided_at=datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="without a zone"), engine.begin() as connection:
        SqlLedger(connection).record(naive, closes_order=False)


def test_no_time_stays_no_time(engine: Engine) -> None:
    with engine.connect() as connection:
        assert connection.scalar(select(func.max(refund.c.recorded_at))) is None
        assert connection.scalar(select(literal(None, UtcTime()))) is None


def test_the_clock_of_the_ledger_is_aware_and_utc() -> None:
    assert utc_now().tzinfo is UTC


def test_amounts_have_room_for_a_bigint(engine: Engine) -> None:
    book(engine)
    rich = replace(a_refund(), items={ALICE: 2**63 - 1})
    run_writing(engine, lambda connection: SqlLedger(connection).record(rich, closes_order=False))
    with engine.connect() as connection:
        assert connection.scalar(select(refund.c.amount_minor)) == 2**63 - 1
