"""Create the ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def exact(length: int) -> sa.String:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


ORDER_NUMBER = ("order_number", exact(64))
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    create_orders()
    create_refunds()
    create_outbox()
    op.create_table(
        "request_nonce",
        sa.Column("nonce", exact(64), nullable=False),
        sa.Column("fingerprint", exact(64), nullable=False),
        sa.Column(*ORDER_NUMBER, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("nonce", name="pk_request_nonce"),
    )
    op.create_index("ix_request_nonce_expires_at", "request_nonce", ["expires_at"])


def create_orders() -> None:
    op.create_table(
        "orders",
        sa.Column(*ORDER_NUMBER, nullable=False),
        sa.Column("train_date", sa.Date, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("currency", sa.CHAR(3), nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("order_number", name="pk_orders"),
    )
    op.create_table(
        "passenger",
        sa.Column(*ORDER_NUMBER, nullable=False),
        sa.Column("passenger_id", exact(36), nullable=False),
        sa.Column("paid_minor", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("order_number", "passenger_id", name="pk_passenger"),
        sa.ForeignKeyConstraint(["order_number"], ["orders.order_number"], name="fk_passenger_orders"),
        sa.CheckConstraint("paid_minor >= 0", name=op.f("ck_passenger_paid_minor")),
    )


def create_refunds() -> None:
    op.create_table(
        "refund",
        sa.Column(*ORDER_NUMBER, nullable=False),
        sa.Column("refund_id", exact(36), nullable=False),
        sa.Column("set_hash", exact(64), nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.CHAR(3), nullable=False),
        sa.Column("reason", sa.String(500)),
        sa.Column("recorded_at", TIME, nullable=False),
        sa.Column("decided_at", TIME, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("kid", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("order_number", "refund_id", name="pk_refund"),
        sa.UniqueConstraint("order_number", "set_hash", name="uq_refund_order_number_set_hash"),
        sa.ForeignKeyConstraint(["order_number"], ["orders.order_number"], name="fk_refund_orders"),
        sa.CheckConstraint("amount_minor >= 0", name=op.f("ck_refund_amount_minor")),
    )
    op.create_table(
        "refund_item",
        sa.Column(*ORDER_NUMBER, nullable=False),
        sa.Column("passenger_id", exact(36), nullable=False),
        sa.Column("refund_id", exact(36), nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("order_number", "passenger_id", name="pk_refund_item"),
        sa.ForeignKeyConstraint(
            ["order_number", "passenger_id"],
            ["passenger.order_number", "passenger.passenger_id"],
            name="fk_refund_item_passenger",
        ),
        refund_key("refund_item"),
        sa.CheckConstraint("amount_minor >= 0", name=op.f("ck_refund_item_amount_minor")),
    )


def create_outbox() -> None:
    op.create_table(
        "refund_outbox",
        sa.Column(*ORDER_NUMBER, nullable=False),
        sa.Column("refund_id", exact(36), nullable=False),
        sa.Column("state", sa.String(6), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_try_at", TIME, nullable=False),
        sa.Column("last_error", sa.Text),
        sa.PrimaryKeyConstraint("order_number", "refund_id", name="pk_refund_outbox"),
        refund_key("refund_outbox"),
        sa.CheckConstraint("state IN ('new', 'sent', 'failed')", name=op.f("ck_refund_outbox_state")),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_refund_outbox_attempts")),
    )
    op.create_index("ix_refund_outbox_state_next_try_at", "refund_outbox", ["state", "next_try_at"])


def refund_key(table: str) -> sa.ForeignKeyConstraint:
    columns = ["refund.order_number", "refund.refund_id"]
    return sa.ForeignKeyConstraint(["order_number", "refund_id"], columns, name=f"fk_{table}_refund")


def downgrade() -> None:
    for table in ("request_nonce", "refund_outbox", "refund_item", "refund", "passenger", "orders"):
        op.drop_table(table)
