"""Orders to cancel, a cancellation as the handler does it, and what the ledger holds afterwards."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, Table, func, insert, select, text, update

from refund_api.cancel.decision import Asked, FeedTooOld, Refused, judge_and_record
from refund_api.domain import BOOKED, Cancellation, Nonce, Refund, Refusal
from refund_api.ports import Ledger
from refund_api.storage.budget import Budget
from refund_api.storage.ledger import SqlLedger
from refund_api.storage.tables import metadata, orders, passenger, refund, refund_item, refund_outbox
from tests import world
from tests.world import ALICE, BOB, ORDER

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[3]
SMALL = Budget(lock=0.3, statement=0.6, whole=1.2)
GENEROUS = 5.0  # how late a small budget may end on a busy machine

NOW = world.NOW.replace(microsecond=123456)


def book(
    engine: Engine, order_number: str = ORDER, passengers: Iterable[str] = (ALICE, BOB), *, state: str = BOOKED
) -> None:
    """An order that may be cancelled; every passenger paid 100."""
    order = {"order_number": order_number, "train_date": date(2027, 6, 1), "state": state, "currency": "CNY"}
    with engine.begin() as connection:
        connection.execute(insert(orders), order | {"updated_at": NOW})
        for passenger_id in passengers:
            row = {"order_number": order_number, "passenger_id": passenger_id, "paid_minor": 100}
            connection.execute(insert(passenger), row)


def mark(engine: Engine, passenger_id: str, order_number: str = ORDER) -> None:
    """The shop has said that another channel cancelled this passenger."""
    theirs = (passenger.c.order_number == order_number) & (passenger.c.passenger_id == passenger_id)
    with engine.begin() as connection:
        connection.execute(update(passenger).where(theirs).values(cancelled_elsewhere_at=NOW))


def a_nonce(value: str = "1", fingerprint: str = "a") -> Nonce:
    return Nonce(value * 64, fingerprint * 64, NOW + timedelta(minutes=6))


def asked(passengers: Iterable[str] = (ALICE,), order_number: str = ORDER, *, nonce: Nonce | None = None) -> Asked:
    return Asked(
        cancellation=Cancellation(order_number, frozenset(passengers), "plans changed é"),
        nonce=nonce,
        kid="legacy",
        now=NOW,
        notice_days=30,
        source="192.0.2.7",
        request_id="request-1",
    )


def a_refund(passengers: Iterable[str] = (ALICE,), order_number: str = ORDER) -> Refund:
    cancellation = Cancellation(order_number, frozenset(passengers), None)
    return Refund(
        order_number=order_number,
        refund_id=str(uuid.uuid4()),
        set_hash=cancellation.set_hash,
        items=dict.fromkeys(cancellation.passenger_ids, 100),
        currency="CNY",
        reason="plans changed é",
        decided_at=NOW,
        source="192.0.2.7",
        kid="legacy",
        request_id="request-1",
    )


def cancel(ledger: Ledger, passengers: Iterable[str] = (ALICE,), order_number: str = ORDER) -> str | Refusal:
    """The refund's number, new or old, or why not: what the service decides in its transaction."""
    decision = judge_and_record(ledger, asked(passengers, order_number))
    assert not isinstance(decision, FeedTooOld)
    return decision.refusal if isinstance(decision, Refused) else decision.refund_id


def count(engine: Engine, table: Table) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def violations(engine: Engine) -> list[str]:
    """What the audit would find (docs/reliability.md), worked out a second way."""
    found = []
    with engine.connect() as connection:
        rows = {table.name: connection.execute(select(table)).mappings().all() for table in metadata.sorted_tables}
    refunds = {row["refund_id"]: row for row in rows[refund.name]}
    for refund_id, row in refunds.items():
        items = [item for item in rows[refund_item.name] if item["refund_id"] == refund_id]
        if not items or row["amount_minor"] != sum(item["amount_minor"] for item in items):
            found.append(f"{refund_id} is not the sum of its items")
    if {row["refund_id"] for row in rows[refund_outbox.name]} != refunds.keys():
        found.append("refunds and outbox differ")
    paid = {(row["order_number"], row["passenger_id"]) for row in rows[passenger.name]}
    refunded = [(row["order_number"], row["passenger_id"]) for row in rows[refund_item.name]]
    if len(set(refunded)) != len(refunded) or not paid >= set(refunded):
        found.append("a passenger twice, or a stranger")
    elsewhere = {
        (row["order_number"], row["passenger_id"]) for row in rows[passenger.name] if row["cancelled_elsewhere_at"]
    }
    if elsewhere & set(refunded):
        found.append("a passenger refunded here and cancelled elsewhere")
    for row in rows[orders.name]:
        of_order = {pair for pair in paid if pair[0] == row["order_number"]}
        if (row["state"] == "cancelled") != (of_order <= set(refunded) | elsewhere):
            found.append(f"{row['order_number']} is {row['state']}")
    return found


def at_once(works: Iterable[Callable[[], T]]) -> list[T | Exception]:
    """Run all of them in threads that start together; what each returned or raised."""
    listed = list(works)
    start = threading.Barrier(len(listed))

    def run(work: Callable[[], T]) -> T | Exception:
        start.wait()
        try:
            return work()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(listed)) as pool:
        return list(pool.map(run, listed))


def url_of(engine: Engine) -> str:
    """For clients that know nothing of SQLAlchemy's drivers."""
    return engine.url.set(drivername=engine.url.get_backend_name()).render_as_string(hide_password=False)


def pid_of(connection: Connection) -> int:
    return connection.scalar(text("SELECT pg_backend_pid()")) or 0


def once(action: Callable[[Connection], None]) -> Callable[[Connection], str]:
    """Work that records a refund, and at its first attempt then meets with `action`."""
    attempts: list[int] = []

    def work(connection: Connection) -> str:
        number = cancel(SqlLedger(connection))
        assert isinstance(number, str)
        attempts.append(1)
        if len(attempts) == 1:
            action(connection)
        return number

    return work
