"""The ledger of a run as a file beside the clients' record, which stays when the database is gone.

It is a SQLite file with the tables of the service, but without their keys and rules: a ledger that has lost its own,
and holds a refund twice, is kept as it is. `refund-api audit --database-url` can read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Column, Engine, Index, MetaData, NullPool, Table, create_engine, insert, select

from refund_api.storage.engines.table import kind_of
from refund_api.storage.tables import metadata

NAME = "ledger-dump.db"
_AT_ONCE = 1000  # rows


def dump(engine: Engine, directory: Path) -> None:
    """Copy the ledger into the directory, as it is at one moment; a dump of before is replaced."""
    (directory / NAME).unlink(missing_ok=True)
    without_rules = MetaData()
    copies = {table: _without_rules(table, without_rules) for table in metadata.sorted_tables}
    snapshot = kind_of(engine).snapshot(engine)
    with snapshot as source, dumped(directory) as target, target.begin() as writing:
        without_rules.create_all(writing)
        for table, copy in copies.items():
            with closing(source.execute(select(table))) as result:
                for rows in result.mappings().partitions(_AT_ONCE):
                    writing.execute(insert(copy), [dict(row) for row in rows])


@contextmanager
def dumped(directory: Path) -> Iterator[Engine]:
    """The dump in the directory, as a database."""
    engine = create_engine(f"sqlite:///{(directory / NAME).absolute()}", poolclass=NullPool)
    try:
        yield engine
    finally:
        engine.dispose()


def _without_rules(table: Table, those: MetaData) -> Table:
    """The same columns; its key is an index only, which the audit is quicker with."""
    key = [column.name for column in table.primary_key]
    columns = [Column(column.name, column.type) for column in table.columns]
    return Table(table.name, those, *columns, Index(f"key_of_{table.name}", *key))
