"""The tables of the ledger.

Every key starts with `order_number`, so that one order lives on one shard. `request_nonce` alone
does not: it must catch the same nonce on another order.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    CHAR,
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

NAMING = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}


class UtcTime(TypeDecorator[datetime]):
    """An aware datetime, UTC on both engines. ValueError: a naive one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        utc = value.astimezone(UTC)
        # SQLite keeps text: one zone and one width, so that it sorts as time does.
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def exact(length: int) -> String:
    """Text compared byte for byte: C on PostgreSQL (no locale, no index broken by a new libc), BINARY on SQLite."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


metadata = MetaData(naming_convention=NAMING)

orders = Table(
    "orders",
    metadata,
    Column("order_number", exact(64), nullable=False),
    Column("train_date", Date, nullable=False),
    Column("state", String(16), nullable=False),
    Column("currency", CHAR(3), nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    PrimaryKeyConstraint("order_number"),
)

passenger = Table(
    "passenger",
    metadata,
    Column("order_number", exact(64), nullable=False),
    Column("passenger_id", exact(36), nullable=False),
    Column("paid_minor", BigInteger, nullable=False),
    PrimaryKeyConstraint("order_number", "passenger_id"),
    ForeignKeyConstraint(["order_number"], ["orders.order_number"]),
    CheckConstraint("paid_minor >= 0", name="paid_minor"),
)

refund = Table(
    "refund",
    metadata,
    Column("order_number", exact(64), nullable=False),
    Column("refund_id", exact(36), nullable=False),
    Column("set_hash", exact(64), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", CHAR(3), nullable=False),
    Column("reason", String(500)),
    Column("recorded_at", UtcTime, nullable=False),
    Column("decided_at", UtcTime, nullable=False),
    Column("source", Text, nullable=False),
    Column("kid", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    PrimaryKeyConstraint("order_number", "refund_id"),
    UniqueConstraint("order_number", "set_hash"),
    ForeignKeyConstraint(["order_number"], ["orders.order_number"]),
    CheckConstraint("amount_minor >= 0", name="amount_minor"),
)

refund_item = Table(
    "refund_item",
    metadata,
    Column("order_number", exact(64), nullable=False),
    Column("passenger_id", exact(36), nullable=False),
    Column("refund_id", exact(36), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    PrimaryKeyConstraint("order_number", "passenger_id"),  # no passenger is refunded twice
    ForeignKeyConstraint(["order_number", "passenger_id"], ["passenger.order_number", "passenger.passenger_id"]),
    ForeignKeyConstraint(["order_number", "refund_id"], ["refund.order_number", "refund.refund_id"]),
    CheckConstraint("amount_minor >= 0", name="amount_minor"),
)

refund_outbox = Table(
    "refund_outbox",
    metadata,
    Column("order_number", exact(64), nullable=False),
    Column("refund_id", exact(36), nullable=False),
    Column("state", String(6), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_try_at", UtcTime, nullable=False),
    Column("last_error", Text),
    PrimaryKeyConstraint("order_number", "refund_id"),
    ForeignKeyConstraint(["order_number", "refund_id"], ["refund.order_number", "refund.refund_id"]),
    CheckConstraint("state IN ('new', 'sent', 'failed')", name="state"),
    CheckConstraint("attempts >= 0", name="attempts"),
    Index(None, "state", "next_try_at"),  # what is due, for the relay
)

request_nonce = Table(
    "request_nonce",
    metadata,
    Column("nonce", exact(64), nullable=False),
    Column("fingerprint", exact(64), nullable=False),
    Column("order_number", exact(64), nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    PrimaryKeyConstraint("nonce"),
    Index(None, "expires_at"),  # what has expired, for the purge
)
