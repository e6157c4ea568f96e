"""The audit: eight counts of violations, which are all zero while the ledger is right.

Some rules repeat what keys and constraints of the tables promise. That is on purpose: a restored backup or a merged
shard may have lost them.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from .engines.table import kind_of
from .engines.urls import make_engine

SAMPLES = 5

_COUNTS = text("SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM refund)")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the audit. `violations` is a query that selects the key of every violation, order_number first."""

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
            SELECT p.order_number, count(*) AS booked,
                count(CASE WHEN i.passenger_id IS NOT NULL OR p.cancelled_elsewhere_at IS NOT NULL THEN 1 END)
                    AS cancelled
            FROM passenger AS p LEFT JOIN refund_item AS i
            ON i.order_number = p.order_number AND i.passenger_id = p.passenger_id
            GROUP BY p.order_number) AS p
        LEFT JOIN orders AS o ON o.order_number = p.order_number
        WHERE ((o.state = 'cancelled') = (p.cancelled = p.booked)) IS NOT TRUE
        """,
    ),
    Rule(
        "A8",
        "a passenger refunded here whom another channel cancelled too",
        """
        SELECT p.order_number, p.passenger_id FROM passenger AS p
        WHERE p.cancelled_elsewhere_at IS NOT NULL AND EXISTS (
            SELECT 1 FROM refund_item AS i
            WHERE i.order_number = p.order_number AND i.passenger_id = p.passenger_id)
        """,
    ),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """How often a rule is broken; `samples` has at most SAMPLES keys: (order number, id of a passenger or refund)."""

    id: str
    meaning: str
    count: int
    samples: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Report:
    """How many orders and refunds were looked at, and one finding for each rule."""

    orders: int
    refunds: int
    findings: tuple[Finding, ...]

    @property
    def clean(self) -> bool:
        """No rule is broken."""
        return not any(finding.count for finding in self.findings)


def audit(url: str) -> Report:
    """Audit one consistent moment of the database, while others may go on writing to it.

    ValueError: the URL cannot be used, or there is no database. SQLAlchemyError: the database cannot be read.
    """
    engine = make_engine(url, threads=1)
    try:
        with kind_of(engine).snapshot(engine) as connection:
            orders, refunds = connection.execute(_COUNTS).one()
            return Report(orders, refunds, tuple(_finding(connection, rule) for rule in RULES))
    finally:
        engine.dispose()


def _finding(connection: Connection, rule: Rule) -> Finding:
    query = f"SELECT v.*, count(*) OVER () AS violations FROM ({rule.violations}) AS v ORDER BY 1, 2 LIMIT {SAMPLES}"
    rows = connection.execute(text(query)).all()
    return Finding(rule.id, rule.meaning, rows[0][-1] if rows else 0, tuple(tuple(row[:-1]) for row in rows))
