"""The audit: every rule turns red for its own violation only, and stays green for what is right."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
from psycopg import sql
from sqlalchemy import URL, Column, Connection, Engine, MetaData, Table, delete, insert, select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from refund_api.domain import BOOKED
from refund_api.storage.audit import RULES, SAMPLES, Report, Rule, audit
from refund_api.storage.tables import metadata, orders, passenger, refund, refund_item, refund_outbox
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.postgres import execute
from tests.world import ALICE, BOB, CAROL, ORDER

from .conftest import opened
from .given import NOW, a_refund, book, cancel, mark, url_of

FULL = "full"
STRANGER = "00000000-0000-4000-8000-000000000000"
ANOTHER = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def unguarded(engine: Engine) -> Engine:
    """A ledger that is right, in tables without keys and constraints, as a bad restore may leave them."""
    bare = MetaData()
    for table in metadata.sorted_tables:
        Table(table.name, bare, *(Column(column.name, column.type) for column in table.columns))
    metadata.drop_all(engine)
    bare.create_all(engine)
    fill(engine)
    return engine


def fill(engine: Engine) -> None:
    """An order with one passenger of three refunded, one with all, in two refunds, one with none, and an empty one.

    In two more, one of two passengers is cancelled elsewhere; in the second of them the other one is refunded.
    """
    book(engine, ORDER, [ALICE, BOB, CAROL])
    book(engine, FULL, [ALICE, BOB])
    book(engine, "fresh", [ALICE])
    book(engine, "empty", [])
    for number in ("half elsewhere", "rest elsewhere"):
        book(engine, number, [ALICE, BOB])
        mark(engine, BOB, number)
    for number, passenger_id in ((ORDER, ALICE), (FULL, ALICE), (FULL, BOB), ("rest elsewhere", ALICE)):
        SqlUnitOfWork(engine).run(partial(cancel, passengers=[passenger_id], order_number=number))


def counts(report: Report) -> dict[str, int]:
    return {finding.id: finding.count for finding in report.findings if finding.count}


def add_refund(connection: Connection, passengers: list[str], order_number: str = ORDER, amount: int = 100) -> None:
    """The refund ANOTHER with its outbox row and an item of 100 a passenger."""
    key = {"order_number": order_number, "refund_id": ANOTHER}
    times = {"recorded_at": NOW, "decided_at": NOW}
    words = {"set_hash": "b" * 64, "currency": "CNY", "source": "", "kid": "", "request_id": ""}
    connection.execute(insert(refund), key | times | words | {"amount_minor": amount})
    connection.execute(insert(refund_outbox), key | {"state": "new", "attempts": 0, "next_try_at": NOW})
    add_items(connection, passengers, order_number)


def add_items(connection: Connection, passengers: list[str], order_number: str = ORDER) -> None:
    for passenger_id in passengers:
        row = {"order_number": order_number, "passenger_id": passenger_id, "refund_id": ANOTHER, "amount_minor": 100}
        connection.execute(insert(refund_item), row)


def refund_a_passenger_again(connection: Connection) -> None:
    add_refund(connection, [ALICE])


def lose_a_refund(connection: Connection) -> None:
    add_items(connection, [BOB])


def lose_the_items(connection: Connection) -> None:
    add_refund(connection, [])


def change_an_amount(connection: Connection) -> None:
    connection.execute(update(refund).where(refund.c.order_number == ORDER).values(amount_minor=101))


def double_a_refund(connection: Connection) -> None:
    theirs = select(refund).where(refund.c.order_number == ORDER)
    connection.execute(insert(refund), dict(connection.execute(theirs).mappings().one()))


def owe_a_passenger_money(connection: Connection) -> None:
    theirs = (passenger.c.order_number == ORDER) & (passenger.c.passenger_id == CAROL)
    connection.execute(update(passenger).where(theirs).values(paid_minor=-101))


def lose_an_amount(connection: Connection) -> None:
    connection.execute(update(refund).where(refund.c.order_number == ORDER).values(amount_minor=None))


def lose_the_amount_of_an_item(connection: Connection) -> None:
    one_more = {"order_number": ORDER, "passenger_id": STRANGER, "paid_minor": 100}
    connection.execute(insert(passenger), one_more)
    add_refund(connection, [BOB])
    row = {"order_number": ORDER, "passenger_id": CAROL, "refund_id": ANOTHER, "amount_minor": None}
    connection.execute(insert(refund_item), row)


def refund_more_than_was_paid(connection: Connection) -> None:
    for table, column in ((refund, refund.c.amount_minor), (refund_item, refund_item.c.amount_minor)):
        connection.execute(update(table).where(table.c.order_number == ORDER).values({column: 150}))


def lose_an_order(connection: Connection) -> None:
    connection.execute(delete(orders).where(orders.c.order_number == FULL))


def lose_a_state(connection: Connection) -> None:
    connection.execute(update(orders).where(orders.c.order_number == ORDER).values(state=None))


def ticket_an_order_that_is_refunded(connection: Connection) -> None:
    connection.execute(update(orders).where(orders.c.order_number == FULL).values(state="ticketed"))


def change_what_was_paid(connection: Connection) -> None:
    theirs = (passenger.c.order_number == ORDER) & (passenger.c.passenger_id == ALICE)
    connection.execute(update(passenger).where(theirs).values(paid_minor=101))


def refund_a_stranger(connection: Connection) -> None:
    add_refund(connection, [STRANGER])


def lose_an_outbox_row(connection: Connection) -> None:
    connection.execute(delete(refund_outbox).where(refund_outbox.c.order_number == ORDER))


def pay_out_twice(connection: Connection) -> None:
    theirs = select(refund_outbox).where(refund_outbox.c.order_number == ORDER)
    connection.execute(insert(refund_outbox), dict(connection.execute(theirs).mappings().one()))


def pay_out_what_nobody_refunded(connection: Connection) -> None:
    row = {"order_number": ORDER, "refund_id": ANOTHER, "state": "new", "attempts": 0, "next_try_at": NOW}
    connection.execute(insert(refund_outbox), row)


def cancel_a_refunded_passenger_elsewhere(connection: Connection) -> None:
    theirs = (passenger.c.order_number == ORDER) & (passenger.c.passenger_id == ALICE)
    connection.execute(update(passenger).where(theirs).values(cancelled_elsewhere_at=NOW))


def close_an_order_too_early(connection: Connection) -> None:
    connection.execute(update(orders).where(orders.c.order_number == ORDER).values(state="cancelled"))


def leave_an_order_open(connection: Connection) -> None:
    connection.execute(update(orders).where(orders.c.order_number == FULL).values(state=BOOKED))


@pytest.mark.parametrize(
    ("violate", "red", "key"),
    [
        (refund_a_passenger_again, "A1", (ORDER, ALICE)),
        (lose_a_refund, "A2", (ORDER, ANOTHER)),
        (lose_the_items, "A2", (ORDER, ANOTHER)),
        (change_an_amount, "A3", (ORDER, None)),
        (double_a_refund, "A3", (ORDER, None)),
        (lose_an_amount, "A3", (ORDER, None)),
        (owe_a_passenger_money, "A4", (ORDER,)),
        (refund_more_than_was_paid, "A5", (ORDER, ALICE)),
        (lose_the_amount_of_an_item, "A5", (ORDER, CAROL)),
        (change_what_was_paid, "A5", (ORDER, ALICE)),
        (refund_a_stranger, "A5", (ORDER, STRANGER)),
        (lose_an_outbox_row, "A6", (ORDER, None)),
        (pay_out_twice, "A6", (ORDER, None)),
        (pay_out_what_nobody_refunded, "A6", (ORDER, ANOTHER)),
        (close_an_order_too_early, "A7", (ORDER,)),
        (leave_an_order_open, "A7", (FULL,)),
        (ticket_an_order_that_is_refunded, "A7", (FULL,)),
        (lose_an_order, "A7", (FULL,)),
        (lose_a_state, "A7", (ORDER,)),
        (cancel_a_refunded_passenger_elsewhere, "A8", (ORDER, ALICE)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_violation_turns_its_own_row_red(
    unguarded: Engine, violate: object, red: str, key: tuple[str | None, ...]
) -> None:
    assert counts(audit(url_of(unguarded))) == {}
    with unguarded.begin() as connection:
        number = connection.scalar(select(refund.c.refund_id).where(refund.c.order_number == ORDER))
        violate(connection)  # type: ignore[operator]
    report = audit(url_of(unguarded))
    assert counts(report) == {red: 1}
    assert not report.clean
    (finding,) = (finding for finding in report.findings if finding.id == red)
    assert finding.samples == (tuple(part or number for part in key),)


def test_what_two_refunds_pay_together_is_held_against_the_order(unguarded: Engine) -> None:
    with unguarded.begin() as connection:
        connection.execute(update(passenger).where(passenger.c.order_number == FULL).values(paid_minor=60))
    assert counts(audit(url_of(unguarded))) == {"A4": 1, "A5": 2}


def test_a_refund_of_unequal_items_is_right(engine: Engine) -> None:
    book(engine)
    with engine.begin() as connection:
        connection.execute(update(passenger).where(passenger.c.passenger_id == BOB).values(paid_minor=160))
    new = replace(a_refund([ALICE, BOB]), items={ALICE: 100, BOB: 160})
    SqlUnitOfWork(engine).run(lambda ledger: ledger.record(new, closes_order=True))
    assert counts(audit(url_of(engine))) == {}


def test_many_violations_are_all_counted_and_a_few_are_shown(unguarded: Engine) -> None:
    with unguarded.begin() as connection:
        for number in range(12):
            add_items(connection, [CAROL], f"order {number:02}")
    found = {finding.id: finding for finding in audit(url_of(unguarded)).findings}
    assert found["A2"].count == 12
    assert found["A2"].samples == tuple((f"order {number:02}", ANOTHER) for number in range(SAMPLES))


def test_a_ledger_that_is_right_is_all_zeros(engine: Engine) -> None:
    fill(engine)
    report = audit(url_of(engine))
    assert (report.orders, report.refunds, report.clean) == (6, 4, True)
    assert [(finding.id, finding.count, finding.samples) for finding in report.findings] == [
        (f"A{number}", 0, ()) for number in range(1, 9)
    ]
    assert [finding.meaning for finding in report.findings] == [rule.meaning for rule in RULES]


def test_a_ledger_that_was_never_made_is_no_clean_ledger(empty_url: str) -> None:
    with opened(empty_url) as engine, engine.connect():
        pass
    with pytest.raises(Exception, match="orders"):
        audit(empty_url)


def test_what_is_committed_between_two_rules_is_not_seen(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(engine)

    def rules() -> Iterator[Rule]:
        yield RULES[0]
        with engine.begin() as connection:
            change_an_amount(connection)
        yield from RULES[1:]

    monkeypatch.setattr("refund_api.storage.audit.RULES", rules())
    assert counts(audit(url_of(engine))) == {}
    monkeypatch.undo()
    assert counts(audit(url_of(engine))) == {"A3": 1}


def test_a_file_that_may_not_be_written_is_audited(sqlite_url: str) -> None:
    with opened(sqlite_url) as engine:
        fill(engine)
        Path(engine.url.database or "").chmod(0o444)
    assert audit(sqlite_url).refunds == 4


def test_a_database_that_was_made_read_only_is_audited(postgres_url: str, server: str) -> None:
    with opened(postgres_url) as engine:
        fill(engine)
    name = sql.Identifier(make_url(postgres_url).database or "")
    execute(server, sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))
    assert audit(postgres_url).refunds == 4


def test_a_commit_that_a_crash_left_half_written_is_not_counted(sqlite_url: str, tmp_path: Path) -> None:
    crashed = tmp_path / "crashed.db"
    with opened(sqlite_url) as engine:
        fill(engine)
    with closing(sqlite3.connect(make_url(sqlite_url).database or "", isolation_level=None)) as dying:
        dying.executescript("PRAGMA journal_mode = delete; PRAGMA cache_size = 1; BEGIN IMMEDIATE")
        dying.execute("DELETE FROM refund_outbox")
        row = "INSERT INTO request_nonce VALUES (?, '', '', '2026-11-23 08:10:22.000000')"
        dying.executemany(row, [(f"{number:064}",) for number in range(5000)])
        for end in ("", "-journal"):  # as the disk is when the process dies here
            shutil.copy(f"{make_url(sqlite_url).database}{end}", f"{crashed}{end}")
    assert counts(audit(f"sqlite:///{crashed}")) == {}


def test_a_damaged_file_is_not_called_right(sqlite_url: str) -> None:
    with opened(sqlite_url) as engine:
        fill(engine)
        with engine.connect() as connection:
            root = connection.scalar(
                text("SELECT rootpage FROM sqlite_master WHERE name = 'ix_request_nonce_expires_at'")
            )
            size = connection.scalar(text("PRAGMA page_size"))
        file = Path(engine.url.database or "")
    with file.open("r+b") as damaged:
        damaged.seek((root - 1) * size)
        damaged.write(bytes(size))
    with pytest.raises(DBAPIError, match="the file is damaged"):
        audit(sqlite_url)


def test_a_file_that_is_locked_for_long_is_not_waited_for_without_end(sqlite_url: str) -> None:
    with opened(sqlite_url) as engine:
        file = engine.url.database or ""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")  # in a WAL too
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(OperationalError, match="locked"):
            audit(sqlite_url)


def test_a_statement_timeout_of_the_role_does_not_end_an_audit(
    own_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(own_engine)
    execute(url_of(own_engine), "ALTER ROLE postgres SET statement_timeout = '200ms'")
    slow = Rule("A0", "", "SELECT order_number FROM orders WHERE pg_sleep(0.2) IS NULL")
    monkeypatch.setattr("refund_api.storage.audit.RULES", (slow, *RULES))
    assert audit(url_of(own_engine)).clean


def test_several_hosts_may_be_named_as_libpq_does(own_engine: Engine) -> None:
    sockets = quote(str(own_engine.url.query["host"]), safe="")
    assert audit(f"postgresql://postgres@{sockets},%2Fnonexistent/postgres").clean


@pytest.mark.parametrize("name", ["ledger#1.db", "50%41"])
def test_any_name_of_a_file_is_audited(sqlite_url: str, tmp_path: Path, name: str) -> None:
    with opened(sqlite_url) as engine:
        fill(engine)
    shutil.copy(make_url(sqlite_url).database or "", tmp_path / name)
    assert audit(URL.create("sqlite", database=f"{tmp_path}/{name}").render_as_string()).refunds == 4


def test_a_mistyped_name_is_an_error_and_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"{tmp_path}/absent.db does not exist"):
        audit(f"sqlite:///{tmp_path}/absent.db")
    assert list(tmp_path.iterdir()) == []


def test_a_lock_on_a_table_is_not_waited_for_without_end(postgres_url: str) -> None:
    with opened(postgres_url) as engine, engine.begin() as connection:
        connection.execute(text("LOCK TABLE refund"))
        with pytest.raises(OperationalError, match="lock timeout"):
            audit(postgres_url)
