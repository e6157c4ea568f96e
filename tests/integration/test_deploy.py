"""Deployments: the database is migrated first, and code of the revision before goes on until it is replaced."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, Engine, inspect, text

from refund_api.storage import health, schema
from refund_api.storage.budget import Budget
from refund_api.storage.transaction import run_writing
from tests.world import ALICE, BOB

from .service import assert_try_again_in_every_format, problem_of, service
from .storage.given import book, violations


def test_a_missing_migration_is_503_until_it_was_run(empty: str) -> None:
    with service(empty) as served:
        assert_try_again_in_every_format(served)
        assert problem_of(served.engine).endswith(
            "only where there never was a ledger, make one with `refund-api db upgrade`"
        )
        schema.upgrade(served.engine)
        book(served.engine, "order")
        assert served.cancel("order", ALICE).number
        assert violations(served.engine) == []


NEWER = """
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "HEAD"


def upgrade():
    op.add_column("refund", sa.Column("channel", sa.String(8)))
    op.add_column("orders", sa.Column("priority", sa.Integer, nullable=False, server_default="0"))
    op.create_table("refund_note", sa.Column("order_number", sa.String(64), primary_key=True))
"""


@pytest.fixture
def next_release(tmp_path: Path) -> Path:
    """The migrations of code that is one revision ahead of this."""
    versions = tmp_path / "versions"
    versions.mkdir()
    (versions / "9999_expand.py").write_text(NEWER.replace("HEAD", schema.head()))
    return versions


def upgrade_with(versions: Path, engine: Engine) -> None:
    """What `db upgrade` of the newer code does: a deadlock with a request, say, is run again."""

    def work(connection: Connection) -> None:
        config = schema.alembic_config(connection)
        ours = Path(schema.__file__).with_name("migrations") / "versions"
        config.set_main_option("version_locations", f"{ours}:{versions}")
        command.upgrade(config, "head")

    run_writing(engine, work, Budget(statement=60, whole=60))


def test_old_code_serves_during_and_after_an_expanding_migration(database: str, next_release: Path) -> None:
    with service(database) as served:
        orders = [f"order-{number}" for number in range(24)]
        for order in orders:
            book(served.engine, order)
        numbers = {order: served.cancel(order, ALICE).number for order in orders[:8]}
        migration = threading.Thread(target=upgrade_with, args=(next_release, served.engine))
        migration.start()
        numbers |= {order: served.cancel(order, ALICE).number for order in orders[8:]}
        migration.join()
        assert "refund_note" in inspect(served.engine).get_table_names()
        assert schema.current(served.engine) == "9999"
        assert {order: served.cancel(order, ALICE).number for order in orders} == numbers
        assert served.cancel("order-0", BOB).number
        assert violations(served.engine) == []


def test_old_code_stays_ready_on_a_newer_database_and_leaves_it_alone(database: str, next_release: Path) -> None:
    with service(database) as served:
        upgrade_with(next_release, served.engine)
        assert health.check(served.engine) == []
        schema.upgrade(served.engine)
        assert schema.current(served.engine) == "9999"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("DROP TABLE refund_outbox", "the database is at revision 9999 but lacks the table refund_outbox"),
        ("ALTER TABLE refund DROP kid", "the database is at revision 9999 but lacks the column refund.kid"),
        (
            "ALTER TABLE refund ADD branch TEXT NOT NULL",
            "the database is at revision 9999 and wants refund.branch, which this code does not write",
        ),
    ],
)
def test_code_too_old_for_the_database_is_told_so(database: str, next_release: Path, change: str, problem: str) -> None:
    if database.startswith("sqlite") and "NOT NULL" in change:
        change += " DEFAULT ''"  # which SQLite demands, and the next line takes back
    with service(database) as served:
        upgrade_with(next_release, served.engine)
        with served.engine.begin() as connection:
            connection.execute(text(change))
            if "DEFAULT" in change:
                connection.execute(text("PRAGMA writable_schema = 1"))
                connection.execute(text("UPDATE sqlite_schema SET sql = replace(sql, ' DEFAULT ''''', '')"))
        served.engine.dispose()
        assert problem_of(served.engine) == problem
