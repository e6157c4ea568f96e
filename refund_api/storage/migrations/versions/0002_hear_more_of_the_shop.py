"""Hear more of the shop: passengers cancelled elsewhere, how fresh an order is, how fresh the feed is.

It only adds, so that code of revision 0001 goes on beside newer code: it neither reads nor writes what is new. It would
refund a passenger who is marked as cancelled elsewhere. So marks are fed only when no such code serves any more
(docs/migration.md).
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
NAME = sa.String(16).with_variant(sa.String(16, collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("passenger", sa.Column("cancelled_elsewhere_at", TIME))
    op.add_column("orders", sa.Column("as_of", TIME))
    op.create_table(
        "feed",
        sa.Column("name", NAME, nullable=False),
        sa.Column("as_of", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_feed"),
    )


def downgrade() -> None:
    op.drop_table("feed")
    op.drop_column("orders", "as_of")
    op.drop_column("passenger", "cancelled_elsewhere_at")
