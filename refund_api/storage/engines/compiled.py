"""Statements that SQLAlchemy compiles once, and the driver then executes without it: those of a cancellation.

SQLAlchemy takes longer to execute a statement than the driver and SQLite do together, and a third of the processor time
of a cancellation on PostgreSQL (docs/adr/0014). So a statement is written in SQLAlchemy's language, which knows the
tables and both engines. At its first use on an engine it becomes a text, with a function for each value that the driver
does not take or give as it is. After that a request only converts values, and the engine executes the text. Errors are
those of SQLAlchemy, and a lost connection is noticed, as if SQLAlchemy had executed it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import Connection, Select

from .base import Clause, EngineKind, Row
from .driver_errors import raise_as_sqlalchemy
from .table import kind_of

K = TypeVar("K")
_Convert = Callable[[Any], Any]


class Statement:
    """A statement for every engine. `make` gives what an engine executes; it is asked once for each engine."""

    def __init__(self, make: Callable[[EngineKind], Clause]) -> None:
        self.make = make
        self._texts: dict[str, _Text] = {}

    def on(self, connection: Connection) -> _Text:
        """The text for the engine of this connection."""
        name = connection.dialect.name
        if name not in self._texts:
            kind = kind_of(connection)
            self._texts[name] = _Text(self.make(kind), kind)
        return self._texts[name]


def always(clause: Clause) -> Statement:
    """A statement that is the same for every engine."""
    return Statement(lambda kind: clause)


class _Text:
    """A statement as one engine executes it."""

    def __init__(self, clause: Clause, kind: EngineKind) -> None:
        dialect = kind.STATEMENT_DIALECT
        compiled = clause.compile(dialect=dialect)
        self.sql = str(compiled)
        self.execute = kind.execute
        self._order = compiled.positiontup or ()
        self._constants = {name: value.value for name, value in compiled.binds.items() if not value.required}
        self._to_driver = _converters(
            {name: value.type.dialect_impl(dialect).bind_processor(dialect) for name, value in compiled.binds.items()}
        )
        columns = clause.selected_columns if isinstance(clause, Select) else ()
        self._from_driver = _converters(
            {
                place: column.type.dialect_impl(dialect).result_processor(dialect, None)
                for place, column in enumerate(columns)
            }
        )

    def bound(self, values: Mapping[str, Any]) -> Row:
        """The values as the driver takes them, in their order. ValueError: one is of no use to its column."""
        bound = {**self._constants, **values}
        for name, convert in self._to_driver.items():
            bound[name] = convert(bound[name])
        return tuple([bound[name] for name in self._order])

    def read(self, row: Row) -> Row:
        """The row of an answer, with the values that SQLAlchemy would give."""
        if not self._from_driver:
            return row
        values = list(row)
        for place, convert in self._from_driver.items():
            values[place] = convert(values[place])
        return tuple(values)


def _converters(processors: Mapping[K, _Convert | None]) -> dict[K, _Convert]:
    return {key: convert for key, convert in processors.items() if convert is not None}


class DriverCursor:
    """Executes statements inside the transaction of a connection, through its driver. DBAPIError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._driver = connection.connection.driver_connection

    def run(self, statement: Statement, values: Mapping[str, Any]) -> int:
        """How many rows were written."""
        written, _ = self._execute(statement.on(self._connection), values)
        return written

    def rows(self, statement: Statement, values: Mapping[str, Any]) -> list[Row]:
        """Every row of the answer."""
        text = statement.on(self._connection)
        _, rows = self._execute(text, values)
        return [text.read(row) for row in rows]

    def _execute(self, text: _Text, values: Mapping[str, Any]) -> tuple[int, list[Row]]:
        bound = text.bound(values)
        try:
            return text.execute(self._driver, text.sql, bound)
        except BaseException as error:
            raise_as_sqlalchemy(self._connection, error)
