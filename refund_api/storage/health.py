"""Finds what keeps the service from working on a database, and says each problem in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, Table, inspect

from ..ports import LedgerUnavailable
from . import schema
from .budget import Budget
from .engines.base import WAYS_OUT
from .engines.table import kind_of
from .tables import feed, metadata, orders, passenger, refund, refund_item, refund_outbox, request_nonce
from .transaction import run_reading

_CHECKING = Budget(lock=1, statement=2, whole=2)
# What a cancellation needs. Imports and purges may run as another user, with rights of its own.
_PRIVILEGES: tuple[tuple[Table, tuple[str, ...]], ...] = (
    (orders, ("SELECT", "UPDATE")),
    (passenger, ("SELECT",)),
    (feed, ("SELECT",)),
    (refund, ("SELECT", "INSERT")),
    (refund_item, ("SELECT", "INSERT")),
    (refund_outbox, ("INSERT",)),
    (request_nonce, ("SELECT", "INSERT")),
)


@dataclass(frozen=True, slots=True)
class Examined:
    """A database that answers: the revision of its schema, None for none, and a sentence for each problem."""

    revision: str | None
    problems: list[str]


def check(engine: Engine) -> list[str]:
    """What keeps the service from working on this database, a sentence for each problem; empty when nothing does."""
    try:
        return examine(engine, _CHECKING).problems
    except LedgerUnavailable as error:
        return [f"the database cannot be used: {error}"]


def examine(engine: Engine, budget: Budget) -> Examined:
    """Look for what keeps the service from working on this database. LedgerUnavailable: it does not answer."""
    return run_reading(engine, _examine, budget)


def _examine(connection: Connection) -> Examined:
    revision = schema.revision_of(connection)
    return Examined(revision, [*kind_of(connection).problems(connection), *_schema_problems(connection, revision)])


def _schema_problems(connection: Connection, revision: str | None) -> list[str]:
    if revision is None:
        return [f"{kind_of(connection).NO_LEDGER}: {WAYS_OUT}"]
    at = f"the database is at revision {revision}"
    if not schema.suffices(revision):
        return [f"{at}, this code needs {schema.head()}: run `refund-api db upgrade`"]
    return [f"{at} {misfit}" for misfit in _misfits(connection)] or list(_missing_privileges(connection))


def _missing_privileges(connection: Connection) -> Iterator[str]:
    needed = [(table.name, privilege) for table, privileges in _PRIVILEGES for privilege in privileges]
    for table, privilege in kind_of(connection).missing_privileges(connection, needed):
        yield f"the user of the service may not {privilege} in the table {table}: GRANT it"


def _misfits(connection: Connection) -> Iterator[str]:
    """How the tables differ from what this code needs.

    A table or a column that it needs is missing, or a column must be written that it does not know.
    """
    existing = {table: columns for (_, table), columns in inspect(connection).get_multi_columns().items()}
    for name, table in sorted(metadata.tables.items()):
        if name not in existing:
            yield f"but lacks the table {name}"
            continue
        columns = {column["name"]: column for column in existing[name]}
        yield from (f"but lacks the column {name}.{column}" for column in table.columns.keys() - columns.keys())
        for column in columns.keys() - table.columns.keys():
            if not columns[column]["nullable"] and columns[column]["default"] is None:
                yield f"and wants {name}.{column}, which this code does not write"
