"""A log tells where an exception happened and of which class, and nothing that a client may have sent."""

from __future__ import annotations

import sqlite3

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from refund_api.ops.told_errors import MOST_FRAMES, in_words, trace_of
from refund_api.settings import SettingsError

SECRET = "geheim"


def caught(error: Exception) -> Exception:
    try:
        raise error
    except Exception as raised:
        return raised


@pytest.mark.parametrize(
    "error", [ValueError(SECRET), KeyError(SECRET), TypeError(SECRET), AssertionError(SECRET), Exception({SECRET: 1})]
)
def test_the_text_of_an_exception_is_left_out_and_its_place_is_told(error: Exception) -> None:
    told = trace_of(caught(error))
    assert SECRET not in told
    place, name = told.splitlines()
    assert place.endswith(" in caught") and "unit/ops/test_told_errors.py:" in place
    assert name == type(error).__name__


def test_the_text_is_told_where_it_is_made_of_names_in_the_program() -> None:
    with pytest.raises(AttributeError) as wrong:
        _ = "".absent  # type: ignore[attr-defined]
    assert trace_of(wrong.value).endswith("AttributeError: 'str' object has no attribute 'absent'")
    assert in_words(SettingsError("REFUND_API_PORT is not a setting")) == "REFUND_API_PORT is not a setting"


def test_every_cause_is_told_the_first_one_first() -> None:
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as key_error:
            raise ValueError(SECRET) from key_error
    except ValueError as error:
        told = trace_of(error)
    assert SECRET not in told
    assert [line for line in told.splitlines() if not line.startswith(" ")] == ["KeyError", "ValueError"]


def test_an_exception_that_is_its_own_cause_comes_to_an_end() -> None:
    first, second = ValueError(), KeyError()
    first.__cause__, second.__cause__ = second, first
    assert trace_of(first).splitlines() == ["KeyError", "ValueError"]


def test_a_deep_exception_is_told_by_its_innermost_places() -> None:
    def sink(depth: int) -> None:
        if depth:
            sink(depth - 1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as deep:
        sink(300)
    assert trace_of(deep.value).count(" in sink") == MOST_FRAMES


def test_a_statement_and_its_parameters_are_left_out() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE t (a UNIQUE)"))
        connection.execute(text("INSERT INTO t VALUES (:a)"), {"a": SECRET})
        with pytest.raises(SQLAlchemyError) as refused:
            connection.execute(text("INSERT INTO t VALUES (:a)"), {"a": SECRET})
    engine.dispose()
    assert SECRET in str(refused.value), "else this test proves nothing"
    told = trace_of(refused.value)
    assert SECRET not in told
    assert "sqlite3.IntegrityError (sqlite_errorname SQLITE_CONSTRAINT_UNIQUE)" in told
    assert told.endswith("sqlalchemy.exc.IntegrityError")


def test_of_an_error_of_postgresql_the_state_is_told_and_no_row() -> None:
    error = psycopg.errors.UniqueViolation(f"duplicate key\nDETAIL: Key (passenger_id)=({SECRET}) already exists.")
    assert in_words(error) == "psycopg.errors.UniqueViolation (sqlstate 23505)"


def test_of_an_error_of_the_system_its_number_and_its_words_are_told() -> None:
    assert (
        in_words(FileNotFoundError(2, "No such file", SECRET)) == "FileNotFoundError (errno 2, strerror No such file)"
    )
    assert in_words(sqlite3.OperationalError(SECRET)) == "sqlite3.OperationalError"
