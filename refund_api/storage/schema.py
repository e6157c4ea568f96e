"""The schema of a database: which revision it has, and how it gets the one that this code needs.

Only an upgrade needs Alembic. It is imported then and not before: a worker would start a fifth later, for nothing.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, inspect, select
from sqlalchemy.exc import DBAPIError

from ..ports import LedgerUnavailable
from .budget import Budget
from .engines.table import kind_of
from .transaction import run_reading, run_writing

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS = Path(__file__).with_name("migrations")
_UPGRADING = Budget(statement=3600, whole=3600)

# Alembic's table. Its own MigrationContext makes a new Table at each look, and the engine keeps hundreds of statements
# on tables that it has never seen before: 12 MB for a health page that is asked every second.
_VERSION = Table("alembic_version", MetaData(), Column("version_num", String(32)))


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration; commands that look at a database need the connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config


@cache
def head() -> str:
    """The revision this code needs: the last one. The file of each begins with its number."""
    return max(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def upgrade(engine: Engine) -> str | None:
    """Bring the schema to head(), in one transaction; returns the revision before. LedgerUnavailable."""
    from alembic import command
    from alembic.util import CommandError

    kind_of(engine).make_database(engine)
    before = current(engine)
    if suffices(before):
        return before
    try:
        run_writing(engine, lambda connection: command.upgrade(alembic_config(connection), "head"), _UPGRADING)
    except (DBAPIError, CommandError):
        if not suffices(current(engine)):  # otherwise another upgrade ran at the same time and was faster
            raise
    return before


def suffices(revision: str | None) -> bool:
    """Whether this code runs on the revision: on head(), or on a newer one.

    Migrations expand first and contract later: what older code needs is taken away when none of it runs any more.
    """
    return revision is not None and revision >= head()


def current(engine: Engine) -> str | None:
    """The revision of the database; None before the first upgrade. LedgerUnavailable."""
    return run_reading(engine, revision_of)


def revision_of(connection: Connection) -> str | None:
    """`current`, for a caller who is inside a transaction already."""
    if not inspect(connection).has_table(_VERSION.name):
        return None
    revisions = connection.scalars(select(_VERSION.c.version_num)).all()
    if len(revisions) > 1:
        raise LedgerUnavailable(f"the schema has no one revision: {', '.join(revisions)}")
    return revisions[0] if revisions else None
