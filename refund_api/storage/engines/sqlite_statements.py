"""How SQLite executes the statements of a cancellation: its module prepares each once, and keeps it."""

from __future__ import annotations

import sqlite3

from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.sql.compiler import SQLCompiler

from .base import Clause, Row


def compile(clause: Clause) -> SQLCompiler:
    """EngineKind.compile: each place is a `?`."""
    compiled = clause.compile(dialect=dialect())
    assert isinstance(compiled, SQLCompiler)
    return compiled


def execute(driver: sqlite3.Connection, sql: str, values: Row) -> tuple[int, list[Row]]:
    """EngineKind.execute."""
    cursor = driver.execute(sql, values)
    return cursor.rowcount, cursor.fetchall()
