"""The schema: migrations and tables say the same, on both engines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import CheckConstraint, Engine, ForeignKeyConstraint, UniqueConstraint, inspect, text
from sqlalchemy.dialects import postgresql

from refund_api.ports import LedgerUnavailable
from refund_api.storage import health, schema
from refund_api.storage.tables import UtcTime, metadata, refund_outbox
from tests.postgres import fresh_database

from .conftest import opened
from .given import ROOT, book

TABLES = {"orders", "passenger", "refund", "refund_item", "refund_outbox", "request_nonce", "feed"}


def test_the_migrations_make_what_the_tables_declare(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_migrations_make_the_declared_checks_collations_and_types(empty_url: str, tmp_path: Path) -> None:
    """What autogenerate does not compare, compared by building the tables both ways."""
    with opened(empty_url) as engine:
        schema.upgrade(engine)
        migrated = _described(engine)
        with engine.begin() as connection:
            command.downgrade(schema.alembic_config(connection), "base")
        assert set(inspect(engine).get_table_names()) == {"alembic_version"}
        assert schema.current(engine) is None
        metadata.create_all(engine)
        assert _described(engine) == migrated


def _described(engine: Engine) -> dict[str, object]:
    found = inspect(engine)
    return {
        name: (
            [(column["name"], str(column["type"]), column["nullable"]) for column in found.get_columns(name)],
            sorted((check["name"] or "", check["sqltext"]) for check in found.get_check_constraints(name)),
            found.get_pk_constraint(name),
            sorted(found.get_foreign_keys(name), key=str),
            sorted(found.get_unique_constraints(name), key=str),
            sorted(found.get_indexes(name), key=str),
        )
        for name in sorted(TABLES)
    }


def test_the_last_revision_is_the_one_that_alembic_finds() -> None:
    assert ScriptDirectory.from_config(schema.alembic_config()).get_heads() == [schema.head()]


def test_an_upgrade_is_harmless_to_repeat(empty_url: str) -> None:
    with opened(empty_url) as engine:
        assert schema.current(engine) is None
        schema.upgrade(engine)
        assert schema.current(engine) == schema.head() == "0002"
        book(engine)
        schema.upgrade(engine)
        assert health.check(engine) == []


def test_two_upgrades_at_once_make_one_schema(empty_url: str) -> None:
    code = (
        "import sys; from refund_api.storage import schema; from refund_api.storage.engines import urls as engine; "
        "one = engine.make_engine(sys.argv[1], threads=1); schema.current(one); input(); schema.upgrade(one)"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", code, empty_url], cwd=ROOT, stdin=subprocess.PIPE) for _ in range(3)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write(b"go\n")
        child.stdin.flush()
    for child in children:
        child.communicate()
    assert [child.returncode for child in children] == [0, 0, 0]
    with opened(empty_url) as engine:
        assert health.check(engine) == []
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM alembic_version")) == 1


def test_an_upgrade_that_finds_another_was_faster_is_content(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def be_late(config: object, revision: str) -> None:
        monkeypatch.undo()
        schema.upgrade(other)
        raise CommandError("its tables are in the way")

    with fresh_database(server) as url, opened(url) as engine, opened(url) as other:
        monkeypatch.setattr(command, "upgrade", be_late)
        schema.upgrade(engine)
        assert health.check(engine) == []


def test_an_upgrade_that_fails_leaves_nothing_behind(empty_url: str) -> None:
    with opened(empty_url) as engine:
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE request_nonce (nonce TEXT)"))  # the last one to be made
        with pytest.raises(Exception, match="request_nonce"):
            schema.upgrade(engine)
        assert schema.current(engine) is None
        assert inspect(engine).get_table_names() == ["request_nonce"]


def test_a_schema_of_two_revisions_is_told(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO alembic_version VALUES ('0000')"))
    (problem,) = health.check(engine)
    assert problem.startswith("the database cannot be used: the schema has no one revision: ")
    with pytest.raises(LedgerUnavailable, match="no one revision"):
        schema.upgrade(engine)


def test_a_new_revision_can_be_written(engine: Engine, tmp_path: Path) -> None:
    with engine.connect() as connection:
        config = schema.alembic_config(connection)
        versions = Path(schema.__file__).with_name("migrations") / "versions"
        config.set_main_option("version_path_separator", "os")  # its name before Alembic 1.16
        config.set_main_option("version_locations", f"{versions}{os.pathsep}{tmp_path}")
        command.revision(config, "add nothing", rev_id="9999", version_path=str(tmp_path), autogenerate=True)
    written = (tmp_path / "9999_add_nothing.py").read_text()
    assert 'revision = "9999"' in written.replace("'", '"')
    assert "op." not in written.partition("def upgrade")[2].replace("op.batch", "")
    compile(written, "9999", "exec")


def test_every_key_starts_with_the_order_number_but_those_of_the_nonce_and_the_feed() -> None:
    assert metadata.tables.keys() == TABLES
    for table in metadata.tables.values():
        keys = [table.primary_key, *(c for c in table.constraints if isinstance(c, UniqueConstraint))]
        first = {"request_nonce": "nonce", "feed": "name"}.get(table.name, "order_number")
        assert [key.columns.keys()[0] for key in keys] == [first] * len(keys)
        for key in (c for c in table.constraints if isinstance(c, ForeignKeyConstraint)):
            assert key.column_keys[0] == "order_number"
            assert key.elements[0].target_fullname.endswith(".order_number")


def test_the_tables_use_nothing_that_distributed_sql_lacks() -> None:
    for table in metadata.tables.values():
        for column in table.columns:
            assert column.server_default is None
            assert column.default is None
            assert column.autoincrement is not True
            assert column.identity is None
            assert column.computed is None
        assert not any(index.unique for index in table.indexes)
        for constraint in table.constraints:
            assert not constraint.deferrable
            assert constraint.name, "named, so that a later revision can change it"
            kinds = {"PrimaryKeyConstraint", "UniqueConstraint", "ForeignKeyConstraint", "CheckConstraint"}
            assert type(constraint).__name__ in kinds


def test_the_migrations_make_no_trigger_function_or_sequence(engine: Engine) -> None:
    queries = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type NOT IN ('table', 'index') OR name = 'sqlite_sequence'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
        " UNION SELECT relname FROM pg_class WHERE relkind = 'S'"
        " UNION SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    }
    with engine.connect() as connection:
        assert connection.execute(text(queries[engine.dialect.name])).all() == []


def test_every_time_is_utc_and_every_key_is_compared_byte_for_byte() -> None:
    columns = [column for table in metadata.tables.values() for column in table.columns]
    times = [column for column in columns if isinstance(column.type, UtcTime) or "DATETIME" in str(column.type)]
    assert {str(column) for column in times} == {
        "feed.as_of",
        "orders.as_of",
        "orders.updated_at",
        "passenger.cancelled_elsewhere_at",
        "refund.recorded_at",
        "refund.decided_at",
        "refund_outbox.next_try_at",
        "request_nonce.expires_at",
    }
    assert all(isinstance(column.type, UtcTime) for column in times)
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    keys = [column for table in metadata.tables.values() for column in table.primary_key.columns]
    assert {column.type.dialect_impl(dialect).collation for column in keys} == {"C"}  # type: ignore[attr-defined]


def test_only_a_reason_the_last_error_and_what_the_shop_has_not_said_may_be_missing() -> None:
    columns = [column for table in metadata.tables.values() for column in table.columns]
    assert {str(column) for column in columns if column.nullable} == {
        "orders.as_of",
        "passenger.cancelled_elsewhere_at",
        "refund.reason",
        "refund_outbox.last_error",
    }


def test_what_is_due_and_what_has_expired_is_found_by_an_index_and_no_attempt_is_negative() -> None:
    indexes = {tuple(map(str, index.columns)) for table in metadata.tables.values() for index in table.indexes}
    assert indexes == {("refund_outbox.state", "refund_outbox.next_try_at"), ("request_nonce.expires_at",)}
    checks = {
        str(constraint.sqltext) for constraint in refund_outbox.constraints if isinstance(constraint, CheckConstraint)
    }
    assert checks == {"state IN ('new', 'sent', 'failed')", "attempts >= 0"}


def test_money_is_never_negative() -> None:
    money = [c for table in metadata.tables.values() for c in table.columns if c.name.endswith("_minor")]
    assert len(money) == 3
    for column in money:
        assert str(column.type) == "BIGINT"
        checks = [str(c.sqltext) for c in column.table.constraints if isinstance(c, CheckConstraint)]
        assert f"{column.name} >= 0" in checks
