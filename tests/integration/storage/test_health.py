"""Health: what is wrong with a database, told in sentences that say what to do."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, text

from refund_api.ports import Ledger, LedgerUnavailable
from refund_api.storage import health, schema
from refund_api.storage.budget import DEFAULT_BUDGET
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.ledger_figures import read_figures
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.postgres import execute, fresh_database
from tests.world import ORDER

from .conftest import opened
from .given import a_nonce, book, cancel, url_of


def test_check_takes_an_empty_database_for_a_lost_one_or_a_new_one(empty_url: str) -> None:
    with opened(empty_url) as engine:
        (problem,) = health.check(engine)
    assert problem.startswith("the database has no ledger")
    assert problem.endswith(": restore it; only where there never was a ledger, make one with `refund-api db upgrade`")


def test_check_says_which_command_brings_an_old_database_up_to_date(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "head", lambda: "9999")
    assert health.check(engine) == [
        "the database is at revision 0002, this code needs 9999: run `refund-api db upgrade`"
    ]


def test_looking_again_and_again_keeps_no_statements_that_the_first_look_has_not_kept(engine: Engine) -> None:
    kept: dict[object, object] = {}
    watched = engine.execution_options(compiled_cache=kept)
    numbers = []
    for _ in range(4):
        health.check(watched)
        read_figures(watched, DEFAULT_BUDGET)
        numbers.append(len(kept))
    assert numbers == [numbers[0]] * 4


@pytest.mark.parametrize("table", ["orders", "request_nonce"])
def test_check_names_a_right_that_the_service_lacks(own_engine: Engine, table: str) -> None:
    right = "UPDATE" if table == "orders" else "INSERT"
    execute(
        url_of(own_engine),
        "CREATE ROLE clerk LOGIN",
        "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO clerk",
        psycopg.sql.SQL("REVOKE {} ON {} FROM clerk").format(psycopg.sql.SQL(right), psycopg.sql.Identifier(table)),
    )
    with opened(url_of(own_engine).replace("postgres@", "clerk@")) as engine:
        book(own_engine)
        assert health.check(engine) == [f"the user of the service may not {right} in the table {table}: GRANT it"]
        with pytest.raises(LedgerUnavailable, match="permission denied"):
            SqlUnitOfWork(engine).run(claim_and_cancel)
        execute(
            url_of(own_engine),
            psycopg.sql.SQL("GRANT {} ON {} TO clerk").format(psycopg.sql.SQL(right), psycopg.sql.Identifier(table)),
        )
        assert health.check(engine) == []
        assert SqlUnitOfWork(engine).run(claim_and_cancel)


def test_rights_on_some_columns_are_enough_where_the_service_needs_no_more(own_engine: Engine) -> None:
    execute(
        url_of(own_engine),
        "CREATE ROLE clerk LOGIN",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO clerk",
        "GRANT INSERT ON refund, refund_item, request_nonce TO clerk",
        "GRANT INSERT (order_number, refund_id, state, attempts, next_try_at) ON refund_outbox TO clerk",
        "GRANT UPDATE (state, updated_at) ON orders TO clerk",
    )
    book(own_engine)
    with opened(url_of(own_engine).replace("postgres@", "clerk@")) as engine:
        assert health.check(engine) == []
        assert SqlUnitOfWork(engine).run(claim_and_cancel)


def claim_and_cancel(ledger: Ledger) -> object:
    return ledger.claim_nonce(a_nonce(), ORDER) and cancel(ledger)


def test_check_names_a_table_that_is_missing(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE request_nonce"))
    assert health.check(engine) == ["the database is at revision 0002 but lacks the table request_nonce"]


def test_check_says_that_a_database_is_out_of_reach() -> None:
    engine = make_engine("postgresql://postgres@/nowhere?host=/nonexistent", threads=1)
    (problem,) = health.check(engine)
    assert problem.startswith("the database cannot be used: connection")


def test_check_says_that_a_database_is_read_only(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        database = psycopg.sql.Identifier(connection.info.dbname)
    execute(postgres_url, psycopg.sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(database))
    with opened(postgres_url) as engine:
        assert health.check(engine) == ["the database is read only: a standby, or made so"]


def test_check_says_that_a_file_cannot_be_written(sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anything
    path = Path(sqlite_engine.url.database or "")
    assert health.check(sqlite_engine) == [f"not writable: {path}", f"not writable: {path.parent}"]


def test_check_says_that_the_encoding_is_wrong(server: str) -> None:
    with fresh_database(server) as url:
        database = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
        other = psycopg.sql.Identifier(f"{database}_ascii")
        create = "CREATE DATABASE {} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        execute(url, psycopg.sql.SQL(create).format(other))
        try:
            with opened(url.replace(str(database), f"{database}_ascii")) as engine:
                assert health.check(engine)[0] == ("the encoding of the database is SQL_ASCII, this code needs UTF8")
        finally:
            execute(url, psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(other))
