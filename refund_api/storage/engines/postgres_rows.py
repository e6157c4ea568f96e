"""Thousands of rows in one statement of PostgreSQL: they travel as arrays, one for each column.

COPY into a staging table was measured beside it and is not faster: keys and indexes take the time (docs/adr/0013).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, Column, ColumnElement, Connection, Table, Text, any_, bindparam, text

from .base import Rows

# By the name of a column's type; the others are text.
_ARRAY_TYPES = {"Date": "date", "UtcTime": "timestamptz", "BigInteger": "bigint"}


def is_among(column: Column[str], texts: Sequence[str]) -> ColumnElement[bool]:
    """EngineKind.is_among: the texts travel as one parameter."""
    return column == any_(bindparam(f"{column.table.name}_{column.name}s", list(texts), type_=ARRAY(Text)))


def insert_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Rows) -> None:
    """EngineKind.insert_rows."""
    if rows:
        insertion = f"INSERT INTO {table.name} ({', '.join(columns)}) SELECT * FROM {_arrays(table, columns)}"
        connection.execute(text(insertion), _by_column(columns, rows))


def update_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Rows) -> None:
    """EngineKind.update_rows."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    changes = ", ".join(f"{name} = r.{name}" for name in columns if name not in keys)
    which = " AND ".join(f"t.{key} = r.{key}" for key in keys)
    source = f"{_arrays(table, columns)} AS r({', '.join(columns)})"
    connection.execute(
        text(f"UPDATE {table.name} AS t SET {changes} FROM {source} WHERE {which}"), _by_column(columns, rows)
    )


def _arrays(table: Table, columns: Sequence[str]) -> str:
    """SQL of a table that is made from one array for each column."""
    types = {name: _ARRAY_TYPES.get(type(table.c[name].type).__name__, "text") for name in columns}
    return f"unnest({', '.join(f'CAST(:{name} AS {kind}[])' for name, kind in types.items())})"


def _by_column(columns: Sequence[str], rows: Rows) -> dict[str, list[Any]]:
    return {name: list(values) for name, values in zip(columns, zip(*rows, strict=True), strict=True)}
