"""The schema of a database: bring it up to this code's revision, or say what is wrong with it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, Table, func, inspect, select, text
from sqlalchemy.exc import DBAPIError

from ..ports import LedgerUnavailable
from .budget import Budget
from .engines.file_lock import lock_of
from .engines.sqlite import WAYS_OUT, make_file, real_path
from .tables import metadata, orders, passenger, refund, refund_item, refund_outbox, request_nonce
from .transaction import run_reading, run_writing

_UPGRADING = Budget(statement=3600, whole=3600)
_CHECKING = Budget(lock=1, statement=2, whole=2)
_SPARE = 1 << 20  # bytes on the disk, without which the next COMMIT may fail
# What a cancellation does; imports and purges may be somebody else's right.
_PRIVILEGES: tuple[tuple[Table, tuple[str, ...]], ...] = (
    (orders, ("SELECT", "UPDATE")),
    (passenger, ("SELECT",)),
    (refund, ("SELECT", "INSERT")),
    (refund_item, ("SELECT", "INSERT")),
    (refund_outbox, ("INSERT",)),
    (request_nonce, ("SELECT", "INSERT")),
)
_SERVER = text(
    "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on', current_setting('server_encoding')"
)


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration; commands that look at a database need the connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config


@cache
def head() -> str:
    """The revision this code needs."""
    revision = ScriptDirectory.from_config(alembic_config()).get_current_head()
    assert revision is not None
    return revision


def upgrade(engine: Engine) -> str | None:
    """Bring the schema to head(), in one transaction; the revision it was at before. LedgerUnavailable."""
    if engine.dialect.name == "sqlite":
        make_file(engine)
    before = current(engine)
    if _reached(before):
        return before
    try:
        run_writing(engine, lambda connection: command.upgrade(alembic_config(connection), "head"), _UPGRADING)
    except (DBAPIError, CommandError):
        if not _reached(current(engine)):  # else another upgrade was faster, and its tables were in the way of ours
            raise
    return before


def _reached(found: str | None) -> bool:
    """A newer revision will do: it only adds, until no code is left that needs what it would take away."""
    return found is not None and found >= head()


def current(engine: Engine) -> str | None:
    """The revision of the database; None before the first upgrade. LedgerUnavailable."""
    return run_reading(engine, _revision)


def _revision(connection: Connection) -> str | None:
    try:
        return MigrationContext.configure(connection).get_current_revision()
    except CommandError as error:  # more than one
        raise LedgerUnavailable(f"the schema has no one revision: {error}") from error


def check(engine: Engine) -> list[str]:
    """What keeps the service from working on this database, a sentence each; empty when nothing does."""
    try:
        return run_reading(engine, lambda connection: [*_writable(connection), *_migrated(connection)], _CHECKING)
    except LedgerUnavailable as error:
        return [f"the database cannot be used: {error}"]


def _writable(connection: Connection) -> list[str]:
    if connection.dialect.name == "sqlite":
        return list(_file_problems(real_path(Path(connection.engine.url.database or ""))))
    read_only, encoding = connection.execute(_SERVER).one()
    problems = ["the database is read only: a standby, or made so"] if read_only else []
    if encoding != "UTF8":
        problems.append(f"the encoding of the database is {encoding}, this code needs UTF8")
    return problems


def _file_problems(path: Path) -> Iterator[str]:
    yield from (f"not writable: {one}" for one in (path, path.parent) if not os.access(one, os.W_OK))
    try:
        lock_of(path).probe()
    except OSError as error:
        yield f"the lock file cannot be used: {error}"
    if shutil.disk_usage(path.parent).free < _SPARE:
        yield f"the disk is full: {path.parent}"


def _migrated(connection: Connection) -> list[str]:
    found = _revision(connection)
    if found is None:
        where = "" if connection.dialect.name == "sqlite" else " where the search_path of this user finds it"
        return [f"the database has no ledger{where}: {WAYS_OUT}"]
    if not _reached(found):
        upgrading = "run `flask --app app db upgrade`"
        return [f"the database is at revision {found}, this code needs {head()}: {upgrading}"]
    misfits = [f"the database is at revision {found} {misfit}" for misfit in _misfits(connection)]
    return misfits or list(_missing_privileges(connection))


def _missing_privileges(connection: Connection) -> Iterator[str]:
    if connection.dialect.name == "sqlite":
        return
    wanted = [(table.name, privilege) for table, privileges in _PRIVILEGES for privilege in privileges]
    # A grant on some columns is enough for FOR UPDATE, and may be for the others.
    granted = connection.execute(select(*(func.has_any_column_privilege(*one) for one in wanted))).one()
    for (table, privilege), has in zip(wanted, granted, strict=True):
        if not has:
            yield f"the user of the service may not {privilege} in the table {table}: GRANT it"


def _misfits(connection: Connection) -> Iterator[str]:
    """What this code needs and does not find, or would have to write and does not know."""
    found = {table: columns for (_, table), columns in inspect(connection).get_multi_columns().items()}
    for name, table in sorted(metadata.tables.items()):
        if name not in found:
            yield f"but lacks the table {name}"
            continue
        there = {column["name"]: column for column in found[name]}
        yield from (f"but lacks the column {name}.{column}" for column in table.columns.keys() - there.keys())
        for column in there.keys() - table.columns.keys():
            if not there[column]["nullable"] and there[column]["default"] is None:
                yield f"and wants {name}.{column}, which this code does not write"
