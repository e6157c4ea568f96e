"""Thousands of rows in one statement of PostgreSQL: they travel as texts, one for each column, that join its values.

No value of ours has a line feed in it, which joins them, or is empty, which stands for NULL. COPY was measured beside
it: it writes new rows as fast and, through a staging table, changes known ones more slowly (docs/adr/0012).
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BindParameter, Column, ColumnElement, Connection, Table, TableValuedAlias, any_, cast, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.dml import UpdateBase

from .base import Rows

_SEPARATOR = "\n"
# By the name of a column's type; the others are text. A value of these may come often, so it is made a text once.
_TYPES = {"Date": "date", "UtcTime": "timestamptz", "BigInteger": "bigint"}


def is_among(column: Column[str], texts: Sequence[str]) -> ColumnElement[bool]:
    """EngineKind.is_among: the texts travel as one parameter."""
    return column == any_(func.string_to_array(_SEPARATOR.join(texts), _SEPARATOR))


def pairs(texts: BindParameter[str]) -> TableValuedAlias:
    """EngineKind.pairs."""
    return func.jsonb_each_text(cast(texts, JSONB)).table_valued("key", "value")


def together(statements: Sequence[UpdateBase]) -> Sequence[UpdateBase]:
    """EngineKind.together: one statement, the last, with the others as CTEs; foreign keys are checked at its end."""
    *others, last = statements
    return [last.add_cte(*(statement.cte(f"write_{number}") for number, statement in enumerate(others, 1)))]


def insert_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Rows) -> None:
    """EngineKind.insert_rows."""
    if rows:
        insertion = f"INSERT INTO {table.name} ({', '.join(columns)}) SELECT * FROM {_rows(table, columns)}"
        connection.execute(text(insertion), _joined(table, columns, rows))


def update_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Rows) -> None:
    """EngineKind.update_rows."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    changes = ", ".join(f"{name} = r.{name}" for name in columns if name not in keys)
    which = " AND ".join(f"t.{key} = r.{key}" for key in keys)
    change = f"UPDATE {table.name} AS t SET {changes} FROM {_rows(table, columns)} AS r({', '.join(columns)})"
    connection.execute(text(f"{change} WHERE {which}"), _joined(table, columns, rows))


def _rows(table: Table, columns: Sequence[str]) -> str:
    """SQL of a table that is made from one parameter for each column."""
    arrays = (f"string_to_array(:{name}, E'\\n', '')" for name in columns)
    casts = (
        f"CAST({array} AS {_TYPES[_type_of(table, name)]}[])" if _type_of(table, name) in _TYPES else array
        for name, array in zip(columns, arrays, strict=True)
    )
    return f"unnest({', '.join(casts)})"


def _type_of(table: Table, column: str) -> str:
    return type(table.c[column].type).__name__


def _joined(table: Table, columns: Sequence[str], rows: Rows) -> dict[str, str]:
    joined = {}
    for name, values in zip(columns, zip(*rows, strict=True), strict=True):
        if _type_of(table, name) in _TYPES:
            texts = {value: "" if value is None else str(value) for value in set(values)}
            joined[name] = _SEPARATOR.join([texts[value] for value in values])
        else:
            joined[name] = _SEPARATOR.join(values)
    return joined
