"""Thousands of rows at once in SQLite: one prepared statement, run for each row. There is no server to travel to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BindParameter, Column, ColumnElement, Connection, Table, TableValuedAlias, func, select
from sqlalchemy.sql.dml import UpdateBase

from .base import Rows


def is_among(column: Column[str], texts: Sequence[str]) -> ColumnElement[bool]:
    """EngineKind.is_among: the texts travel as one parameter, a JSON list."""
    values = func.json_each(json.dumps(texts)).table_valued("value")
    return column.in_(select(values.c.value))


def pairs(texts: BindParameter[str]) -> TableValuedAlias:
    """EngineKind.pairs."""
    return func.json_each(texts).table_valued("key", "value")


def together(statements: Sequence[UpdateBase]) -> Sequence[UpdateBase]:
    """EngineKind.together: the statements as they are. None of them travels."""
    return statements


def insert_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Rows) -> None:
    """EngineKind.insert_rows."""
    if rows:
        insertion = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
        connection.exec_driver_sql(insertion, _as_stored(connection, table, columns, rows))


def update_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Rows) -> None:
    """EngineKind.update_rows."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    values = [name for name in columns if name not in keys]
    # ?1 is the first value of a row, and so on: the keys come first in the rows, but last in the statement.
    place = {name: f"?{number}" for number, name in enumerate(columns, 1)}
    changes = ", ".join(f"{name} = {place[name]}" for name in values)
    which = " AND ".join(f"{key} = {place[key]}" for key in keys)
    change = f"UPDATE {table.name} SET {changes} WHERE {which}"
    connection.exec_driver_sql(change, _as_stored(connection, table, columns, rows))


def _as_stored(connection: Connection, table: Table, columns: Sequence[str], rows: Rows) -> list[tuple[Any, ...]]:
    """The rows with days and times as SQLAlchemy would store them; each is converted once, because they come often."""
    stored: list[Sequence[Any]] = []
    for name, values in zip(columns, zip(*rows, strict=True), strict=True):
        processor = table.c[name].type.dialect_impl(connection.dialect).bind_processor(connection.dialect)
        if processor is not None:
            converted = {value: processor(value) for value in set(values)}
            stored.append([converted[value] for value in values])
        else:
            stored.append(values)
    return list(zip(*stored, strict=True))
