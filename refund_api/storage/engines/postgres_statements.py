"""How PostgreSQL executes the statements of a cancellation: each connection prepares one at its first use.

A cursor of psycopg finds out for each value how to send it, for each column how to read it, and whether a statement is
prepared: a fifth of the processor time of a cancellation (docs/adr/0015). All that is known here beforehand. So values
and columns travel as texts, through the functions of libpq that psycopg offers (`psycopg.pq`), and the few types that a
cancellation has are converted here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Final

import psycopg
from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from .base import Row
from .postgres_connection import BoundedConnection

STATEMENT_DIALECT: Dialect = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
"""EngineKind.STATEMENT_DIALECT: the places are `$1`, `$2` and so on; a value that comes twice has one."""


def execute(driver: BoundedConnection, sql: str, values: Row) -> tuple[int, list[Row]]:
    """EngineKind.execute. psycopg.Error."""
    result = driver.run_prepared(sql, [None if value is None else _WRITE[type(value)](value) for value in values])
    value_at = result.get_value
    columns = [(column, _READ[result.ftype(column)]) for column in range(result.nfields)]
    rows = [
        tuple([None if (text := value_at(row, column)) is None else read(text) for column, read in columns])
        for row in range(result.ntuples)
    ]
    return result.command_tuples or 0, rows


def _write_text(text: str) -> bytes:
    if "\0" in text:
        raise psycopg.DataError("PostgreSQL takes no text with a NUL")  # libpq would cut it there
    return text.encode()


def _write_number(number: int) -> bytes:
    return b"%d" % number


def _write_boolean(value: bool) -> bytes:
    return b"t" if value else b"f"


def _write_time(time: datetime) -> bytes:
    return time.isoformat().encode()


def _read_date(text: bytes) -> date:
    return date.fromisoformat(text.decode())  # the transaction has asked for ISO


_WRITE: Final[Mapping[type, Callable[[Any], bytes]]] = {
    str: _write_text,
    int: _write_number,
    bool: _write_boolean,
    datetime: _write_time,
}
_READERS: Final[Mapping[str, Callable[[bytes], Any]]] = {
    "text": bytes.decode,
    "varchar": bytes.decode,
    "bpchar": bytes.decode,
    "int4": int,
    "int8": int,
    "bool": b"t".__eq__,
    "date": _read_date,
}
_READ: Final = {psycopg.adapters.types[name].oid: read for name, read in _READERS.items()}
"""By the number that the server has for a type."""
