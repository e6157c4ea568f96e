"""Thousands of rows at once in SQLite: one prepared statement, run for each row. There is no server to travel to."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Column, ColumnElement, Connection, Table, bindparam, func, insert, select, update

from .base import Rows


def is_among(column: Column[str], texts: Sequence[str]) -> ColumnElement[bool]:
    """EngineKind.is_among: the texts travel as one parameter, a JSON list."""
    values = func.json_each(json.dumps(texts)).table_valued("value")
    return column.in_(select(values.c.value))


def insert_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Rows) -> None:
    """EngineKind.insert_rows."""
    if rows:
        connection.execute(insert(table), [dict(zip(columns, row, strict=True)) for row in rows])


def update_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Rows) -> None:
    """EngineKind.update_rows."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    statement = (
        update(table)
        .where(*(table.c[key] == bindparam(f"the_{key}") for key in keys))
        .values({name: bindparam(f"the_{name}") for name in columns if name not in keys})
    )
    names = [f"the_{name}" for name in columns]
    connection.execute(statement, [dict(zip(names, row, strict=True)) for row in rows])
