"""The tables of the ledger.

Every key starts with `order_number`, so that all rows of an order are on one shard, but two: `request_nonce` must catch
a nonce that was used for another order, and `feed` has one row, which says how fresh the orders of the shop are.
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

from .engines.table import ENGINES

NAMING = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}


class UtcTime(TypeDecorator[datetime]):
    """An aware datetime, UTC on every engine. ValueError: a naive one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        # An engine without time zones stores the digits alone. All of them are UTC, so they sort as the times do.
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def exact(length: int) -> String:
    """A text column that is compared byte for byte, with the collation that an engine needs for that."""
    column_type = String(length)
    for row in ENGINES:
        if row.exact_collation is not None:
            column_type = column_type.with_variant(String(length, collation=row.exact_collation), row.dialect)
    return column_type


metadata = MetaData(naming_convention=NAMING)

orders = Table(
    "orders",
    metadata,
    Column("order_number", exact(64), nullable=False),
    Column("train_date", Date, nullable=False),
    Column("state", String(16), nullable=False),
    Column("currency", CHAR(3), nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("as_of", UtcTime),  # when the shop last spoke of the order; code before revision 0002 does not write it
    PrimaryKeyConstraint("order_number"),
)

passenger = Table(
    "passenger",
    metadata,
    Column("order_number", exact(64), nullable=False),
    Column("passenger_id", exact(36), nullable=False),
    Column("paid_minor", BigInteger, nullable=False),
    Column("cancelled_elsewhere_at", UtcTime),  # when the shop said first that another channel cancelled them
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
    Index(None, "state", "next_try_at"),  # the relay looks for what is due
)

feed = Table(
    "feed",
    metadata,
    Column("name", exact(16), nullable=False),
    Column("as_of", UtcTime, nullable=False),  # up to when the newest import that came to its end knows the shop
    PrimaryKeyConstraint("name"),
)

request_nonce = Table(
    "request_nonce",
    metadata,
    Column("nonce", exact(64), nullable=False),
    Column("fingerprint", exact(64), nullable=False),
    Column("order_number", exact(64), nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    PrimaryKeyConstraint("nonce"),
    Index(None, "expires_at"),  # the purge looks for what has expired
)
