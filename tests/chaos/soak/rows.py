"""How much the tables of the ledger take on disk, and how much their rows should take.

Computed for each table: what PostgreSQL says that its rows are long, with their line pointers; and for each index the
columns of its key with the head of an entry, in pages that are about 70 % full, as they become when keys arrive in any
order. Both are rounded up to whole pages. Beside that every new connection begins pages of its own, which fill up only when
autovacuum has told others of the room in them: after a few restarts some hundred kilobytes, which long runs do not see.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import psycopg
from psycopg import sql

TABLES = ("refund", "refund_item", "refund_outbox", "request_nonce")
"""Those that a cancellation writes new rows to."""
LEAST, MOST = 0.6, 1.5
"""Measured bytes for a computed one."""
JUDGED_FROM = 3_000  # refunds; before that the begun pages are most of what is measured
_PAGE = 8192
_PAGE_HEAD = 24
_POINTER = 4
_ENTRY_HEAD = 8
_ROW_HEAD = 24
_FILLED = 0.7

_INDEXES = """
    SELECT index.relname, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_index i
    JOIN pg_class index ON index.oid = i.indexrelid JOIN pg_attribute a ON a.attrelid = i.indexrelid
    WHERE i.indrelid = %s::regclass GROUP BY index.relname"""


@dataclass(frozen=True)
class Size:
    """Bytes on disk and bytes computed, of all TABLES; rows by table."""

    measured: int
    computed: int
    rows: dict[str, int]


def size_of(url: str) -> Size:
    """All rows that are there now."""
    measured = computed = 0
    rows = {}
    with psycopg.connect(url, autocommit=True) as connection:
        for table in TABLES:
            name = sql.Identifier(table)
            rows[table], length = _one(
                connection,
                sql.SQL("SELECT count(*), coalesce(sum((pg_column_size(t.*) + 7) / 8 * 8), 0) FROM {} t").format(name),
            )
            measured += _on_disk(connection, table)
            computed += _pages((int(length) + rows[table] * _POINTER) * _PAGE / (_PAGE - _PAGE_HEAD))
            for index, columns in connection.execute(_INDEXES, [table]).fetchall():
                key = sql.SQL(", ").join(sql.Identifier(column) for column in columns)
                entry = sql.SQL("SELECT coalesce(sum((pg_column_size(ROW({})) - %s + 7) / 8 * 8), 0) FROM {}")
                (length,) = _one(connection, entry.format(key, name), _ROW_HEAD)
                measured += _on_disk(connection, index)
                computed += _pages((int(length) + rows[table] * (_ENTRY_HEAD + _POINTER)) / _FILLED)
    return Size(measured, computed, rows)


def missed(size: Size) -> list[str]:
    """What is not as computed, in words."""
    sentences = []
    if size.rows["refund"] != size.rows["refund_outbox"]:
        sentences.append(f"{size.rows['refund']} refunds, {size.rows['refund_outbox']} rows in the outbox")
    share = size.measured / size.computed
    if size.rows["refund"] >= JUDGED_FROM and not LEAST <= share <= MOST:
        sentences.append(f"{size.measured} bytes on disk, {size.computed} computed from the rows")
    return sentences


def _one(connection: psycopg.Connection, query: sql.Composed, *values: int) -> tuple[int, ...]:
    row = connection.execute(query, values or None).fetchone()
    assert row is not None
    return tuple(row)


def _on_disk(connection: psycopg.Connection, relation: str) -> int:
    """The pages of its rows, without what PostgreSQL keeps beside them."""
    row = connection.execute("SELECT pg_relation_size(%s::regclass)", [relation]).fetchone()
    assert row is not None
    return int(row[0])


def _pages(length: float) -> int:
    return math.ceil(length / _PAGE) * _PAGE
