"""The audit: seven sums that come out at zero while the ledger is right.

It repeats what keys and constraints promise, on purpose: they may be gone from a restored backup or a merged shard.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, NullPool, create_engine, text

from .engines.urls import make_engine

SAMPLES = 5

# A migration, or on SQLite a commit, is waited for no longer than a cancellation would.
_LOCK_SECONDS = 3
_POSTGRES_SETTINGS = f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'; SET LOCAL statement_timeout = 0"
_COUNTS = text("SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM refund)")


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the audit: `violations` selects the key of every violation, order_number first."""

    id: str
    meaning: str
    violations: str


RULES = (
    Rule(
        "A1",
        "a passenger refunded twice",
        """
        SELECT order_number, passenger_id FROM refund_item GROUP BY order_number, passenger_id HAVING count(*) > 1
        """,
    ),
    Rule(
        "A2",
        "an item without its refund, or a refund without items",
        """
        SELECT order_number, refund_id FROM refund_item AS i WHERE NOT EXISTS (
            SELECT 1 FROM refund AS r WHERE r.order_number = i.order_number AND r.refund_id = i.refund_id)
        UNION ALL
        SELECT order_number, refund_id FROM refund AS r WHERE NOT EXISTS (
            SELECT 1 FROM refund_item AS i WHERE i.order_number = r.order_number AND i.refund_id = r.refund_id)
        """,
    ),
    Rule(
        "A3",
        "a refund that is not the sum of its items, or is there twice",
        """
        SELECT r.order_number, r.refund_id FROM refund AS r JOIN refund_item AS i
        ON i.order_number = r.order_number AND i.refund_id = r.refund_id
        GROUP BY r.order_number, r.refund_id, r.amount_minor
        HAVING (sum(i.amount_minor) = r.amount_minor) IS NOT TRUE
        """,
    ),
    Rule(
        "A4",
        "an order with more refunded than was paid",
        """
        SELECT r.order_number FROM (
            SELECT order_number, sum(amount_minor) AS amount FROM refund GROUP BY order_number) AS r
        LEFT JOIN (
            SELECT order_number, sum(paid_minor) AS amount FROM passenger GROUP BY order_number) AS p
        ON p.order_number = r.order_number
        WHERE r.amount > coalesce(p.amount, 0)
        """,
    ),
    Rule(
        "A5",
        "an item that is not what its passenger paid",
        """
        SELECT i.order_number, i.passenger_id FROM refund_item AS i LEFT JOIN passenger AS p
        ON p.order_number = i.order_number AND p.passenger_id = i.passenger_id
        WHERE (p.paid_minor = i.amount_minor) IS NOT TRUE
        """,
    ),
    Rule(
        "A6",
        "a refund without its one outbox row, or an outbox row without its refund",
        """
        SELECT order_number, refund_id FROM (
            SELECT order_number, refund_id, 1 AS refunds, 0 AS outbox_rows FROM refund
            UNION ALL
            SELECT order_number, refund_id, 0, 1 FROM refund_outbox) AS b
        GROUP BY order_number, refund_id HAVING sum(outbox_rows) <> 1 OR sum(refunds) = 0
        """,
    ),
    Rule(
        "A7",
        "an order cancelled while a passenger is not, or not cancelled while all of them are, or gone",
        """
        SELECT p.order_number FROM (
            SELECT p.order_number, count(*) AS booked, count(i.passenger_id) AS refunded
            FROM passenger AS p LEFT JOIN refund_item AS i
            ON i.order_number = p.order_number AND i.passenger_id = p.passenger_id
            GROUP BY p.order_number) AS p
        LEFT JOIN orders AS o ON o.order_number = p.order_number
        WHERE ((o.state = 'cancelled') = (p.refunded = p.booked)) IS NOT TRUE
        """,
    ),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """How often a rule is broken; `samples` are keys, (order number, id of passenger or refund), a few at most."""

    id: str
    meaning: str
    count: int
    samples: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at, and one finding a rule."""

    orders: int
    refunds: int
    findings: tuple[Finding, ...]

    @property
    def clean(self) -> bool:
        """No rule is broken."""
        return not any(finding.count for finding in self.findings)


def audit(url: str) -> Report:
    """Look at one moment of the database, beside whoever writes to it. ValueError: the URL. SQLAlchemyError."""
    with _snapshot(make_engine(url, threads=1)) as connection:
        orders, refunds = connection.execute(_COUNTS).one()
        return Report(orders, refunds, tuple(_finding(connection, rule) for rule in RULES))


def _finding(connection: Connection, rule: Rule) -> Finding:
    found = f"SELECT v.*, count(*) OVER () AS violations FROM ({rule.violations}) AS v ORDER BY 1, 2 LIMIT {SAMPLES}"
    rows = connection.execute(text(found)).all()
    return Finding(rule.id, rule.meaning, rows[0][-1] if rows else 0, tuple(tuple(row[:-1]) for row in rows))


@contextmanager
def _snapshot(engine: Engine) -> Iterator[Connection]:
    """A transaction that cannot write and sees one moment of the database."""
    if engine.dialect.name == "sqlite":
        engine, settings = _copy(Path(engine.url.database or "")), "PRAGMA query_only = ON"
    else:
        engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        settings = _POSTGRES_SETTINGS
    try:
        with engine.connect() as connection, connection.begin():
            connection.exec_driver_sql(settings)
            yield connection
    finally:
        engine.dispose()


def _copy(file: Path) -> Engine:
    """A copy that goes away by itself: reading for seconds would keep every writer from its commit. ValueError."""
    if not os.path.exists(file):
        raise ValueError(f"{file} does not exist")

    def copy() -> sqlite3.Connection:
        # rw, not rwc: a mistyped name shall not become a database. A file that cannot be written opens all the same;
        # one that can may have to be mended first, after a crash in a commit.
        source = sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=_LOCK_SECONDS)
        with closing(source):
            # backup() alone would wait for a lock without an end, and hear no Ctrl-C.
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            target = sqlite3.connect("", isolation_level=None)
            source.backup(target)
        _expect_whole(target)
        return target

    return create_engine("sqlite://", creator=copy, poolclass=NullPool)


def _expect_whole(database: sqlite3.Connection) -> None:
    """sqlite3.DatabaseError: a page is damaged, so that what is counted means nothing."""
    (found,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        database.close()
        raise sqlite3.DatabaseError(f"the file is damaged: {found}")
