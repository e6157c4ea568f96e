"""What every engine must offer: all that differs between one database and another.

An engine is a module with the functions of EngineKind, and a row in table.py. No other part of the service knows
which engines there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Engine,
    Insert,
    Select,
    Table,
    TableValuedAlias,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.dml import UpdateBase

from ..budget import Budget, Verdict

WAYS_OUT = "restore it; only where there never was a ledger, make one with `refund-api db upgrade`"
"""What an operator can do when the ledger is missing."""


Row = tuple[Any, ...]
Rows = Sequence[Row]
"""Rows of a table, as the values of some of its columns."""

Clause = Select[Any] | UpdateBase


class EngineKind(Protocol):
    """The functions of an engine's module. `url` is as the operator wrote it; `end` is a time.monotonic()."""

    NO_LEDGER: str
    """What `db check` says of a database without the tables, before the ways out."""

    IMPORT_WRITERS: int
    """How many batches an import writes at once: two where a server works while the command makes the next."""

    @property
    def STATEMENT_DIALECT(self) -> Dialect:
        """How the statements for execute() are spelled: each value has a place in them, by its number."""

    def engine_for(self, url: str, *, threads: int) -> Engine:
        """An engine with a connection for each thread; opens nothing. ValueError: what is wrong with the URL."""

    def directory_to_make(self, url: str) -> Path | None:
        """The directory that must exist before the first upgrade; None where the database is on a server."""

    def make_database(self, engine: Engine) -> None:
        """Before an upgrade: make an empty database file if it is missing; on a server, nothing. LedgerUnavailable."""

    def writing(self, engine: Engine, budget: Budget, end: float) -> AbstractContextManager[Connection]:
        """One writing transaction, committed when the block ends. LedgerUnavailable, DBAPIError, TimeoutError."""

    def reading(self, engine: Engine, budget: Budget, end: float) -> AbstractContextManager[Connection]:
        """One transaction in which a write fails, and which waits for no writer. The errors of writing()."""

    def snapshot(self, engine: Engine) -> AbstractContextManager[Connection]:
        """For an audit: a transaction that cannot write, sees one moment, and may take long beside writers.

        ValueError: there is no database. SQLAlchemyError.
        """

    def verdict(self, error: DBAPIError) -> Verdict:
        """What to do after an error of this engine's driver."""

    def insert_unless_exists(self, table: Table, key: str) -> Insert:
        """An INSERT of one row that does nothing, and counts 0 rows, when the column `key` has the value already."""

    def execute(self, driver: Any, sql: str, values: Row) -> tuple[int, list[Row]]:
        """Run a statement of STATEMENT_DIALECT on a connection of the driver, with the values for its places.

        Gives how many rows were written, and all rows of the answer. An error is one of the driver.
        """

    def pairs(self, texts: BindParameter[str]) -> TableValuedAlias:
        """A table of the parameter, a JSON object: a row for each member, with the columns `key` and `value`."""

    def together(self, statements: Sequence[UpdateBase]) -> Sequence[UpdateBase]:
        """The statements that write what these write, as few as the engine can. They share their parameters."""

    def is_among(self, column: Column[str], texts: Sequence[str]) -> ColumnElement[bool]:
        """The condition that the column has one of the texts, in a form that is fast for thousands of them."""

    def insert_rows(self, connection: Connection, table: Table, columns: Sequence[str], rows: Rows) -> None:
        """Insert the rows, in their order; each has the values of the columns. DBAPIError."""

    def update_rows(self, connection: Connection, table: Table, columns: Sequence[str], rows: Rows) -> None:
        """Write the columns into the rows that have their keys, which are among the columns. DBAPIError."""

    def problems(self, connection: Connection) -> list[str]:
        """What keeps anyone from writing to this database, a sentence each."""

    def connection_limit(self, connection: Connection) -> int | None:
        """How many connections the user of this one may have at once; None: as many as it likes."""

    def missing_privileges(self, connection: Connection, needed: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Of the needed (table, privilege) those that the user of the connection does not have."""
