"""How SQLite executes the statements of a cancellation: its module prepares each once, and keeps it."""

from __future__ import annotations

import sqlite3

from sqlalchemy import Dialect
from sqlalchemy.dialects.sqlite import dialect

from .base import Row

STATEMENT_DIALECT: Dialect = dialect()
"""EngineKind.STATEMENT_DIALECT: each place is a `?`."""


def execute(driver: sqlite3.Connection, sql: str, values: Row) -> tuple[int, list[Row]]:
    """EngineKind.execute."""
    cursor = driver.execute(sql, values)
    return cursor.rowcount, cursor.fetchall()
