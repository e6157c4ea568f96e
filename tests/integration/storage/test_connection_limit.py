"""How many connections a database allows, as the server, the role and the database say; and when it does not say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, text

from refund_api.ports import LedgerUnavailable
from refund_api.storage.connection_limit import connection_limit
from refund_api.storage.engines.urls import make_engine

GENEROUS = 10.0


@contextmanager
def engine_on(url: str) -> Iterator[Engine]:
    engine = make_engine(url, threads=1)
    try:
        yield engine
    finally:
        engine.dispose()


def test_a_file_has_no_limit(sqlite: str) -> None:
    with engine_on(sqlite) as engine:
        assert connection_limit(engine, GENEROUS) is None


def test_a_server_keeps_some_of_its_connections_for_others(postgres: str) -> None:
    with engine_on(postgres) as engine:
        with engine.connect() as connection:
            settings: dict[str, str] = {
                name: setting for name, setting in connection.execute(text("SELECT name, setting FROM pg_settings"))
            }
        reserved = int(settings["superuser_reserved_connections"]) + int(settings.get("reserved_connections", 0))
        assert connection_limit(engine, GENEROUS) == int(settings["max_connections"]) - reserved < 1000


@pytest.mark.parametrize(
    "statement", ["ALTER DATABASE {database} CONNECTION LIMIT 5", "ALTER ROLE {role} CONNECTION LIMIT 5"]
)
def test_the_limit_of_the_database_or_the_role_counts_where_it_is_less(postgres: str, statement: str) -> None:
    with engine_on(postgres) as engine:
        with engine.connect() as connection, connection.begin():
            role, database = connection.execute(text("SELECT current_user, current_database()")).one()
            connection.execute(text(statement.format(role=role, database=f'"{database}"')))
        try:
            assert connection_limit(engine, GENEROUS) == 5
        finally:
            with engine.connect() as connection, connection.begin():
                connection.execute(text(f"ALTER ROLE {role} CONNECTION LIMIT -1"))


def test_a_database_that_is_away_does_not_say(postgres: str) -> None:
    away = postgres.replace("host=", "host=/nowhere") if "host=" in postgres else "postgresql://u@127.0.0.1:1/d"
    with engine_on(away) as engine, pytest.raises(LedgerUnavailable):
        connection_limit(engine, GENEROUS)
