"""A cancel touches one order: its statements name it, its rows are the only ones read, locked or written.

So the tables may be distributed by order_number; what the keys must be for that is in test_schema.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import (
    CTE,
    BindParameter,
    ColumnElement,
    Delete,
    Engine,
    Insert,
    Join,
    Select,
    Table,
    Update,
    event,
    func,
    select,
    text,
    update,
)
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import BinaryExpression, BooleanClauseList
from sqlalchemy.sql.visitors import iterate

from refund_api.storage.engines import postgres
from refund_api.storage.engines.compiled import DriverCursor, Statement
from refund_api.storage.engines.table import kind_of
from refund_api.storage.tables import feed, metadata, orders, passenger, request_nonce
from tests.integration.service import Service, service_on
from tests.world import ALICE, BOB, CAROL

from .given import book

MINE, OTHER = "mine", "other"
OF_AN_ORDER = [table for table in metadata.sorted_tables if table is not feed]
Written = tuple[Any, dict[str, Any]]


@contextmanager
def recorded(engine: Engine) -> Iterator[list[Written]]:
    """Every statement that is executed, with its parameters; also one that is given as a string."""
    found: list[Written] = []

    def hears(execute: Callable[[DriverCursor, Statement, Any], Any]) -> Callable[[DriverCursor, Statement, Any], Any]:
        def executing(cursor: DriverCursor, statement: Statement, values: dict[str, Any]) -> Any:
            found.append((statement.make(kind_of(engine)), values))
            return execute(cursor, statement, values)

        return executing

    def before(connection: object, cursor: object, statement: str, *others: object) -> None:
        found.append((text(statement), {}))

    event.listen(engine, "before_cursor_execute", before)
    with pytest.MonkeyPatch.context() as patch:
        for method in (DriverCursor.run, DriverCursor.rows):
            patch.setattr(DriverCursor, method.__name__, hears(method))
        yield found
    event.remove(engine, "before_cursor_execute", before)


def strays(statement: Any, values: dict[str, Any]) -> list[str]:
    """What in a statement, or in one that is a part of it, may read or write a row that is not of the order MINE."""
    parts = [statement, *(element.element for element in iterate(statement) if isinstance(element, CTE))]
    return [stray for part in parts for stray in strays_of_part(part, values)]


def strays_of_part(statement: Any, values: dict[str, Any]) -> list[str]:
    if isinstance(statement, Insert):
        return [] if values["order_number"] == MINE else [f"{statement.table.name}: a row of {values}"]
    if isinstance(statement, (Update, Delete)):
        tables, bound = {statement.table}, dict(equalities(statement.whereclause))
    elif isinstance(statement, Select):
        tables = {element for element in iterate(statement) if isinstance(element, Table)}
        bound = dict(demands(statement))
    else:
        tables, bound = set(), {}
    if not tables:
        return [f"not understood: {statement}"]
    keys = {request_nonce.c.nonce} if tables == {request_nonce} else {table.c.order_number for table in tables}
    found = [f"{column} is not bound: {statement}" for column in keys - bound.keys()]
    for column in keys & bound.keys() - {request_nonce.c.nonce}:
        value = values.get(bound[column].key, bound[column].value)
        found += [f"{column} is {value}"] if value != MINE else []
    return found


def demands(statement: Select[Any]) -> Iterator[tuple[Any, BindParameter[Any]]]:
    """The equalities of a SELECT and those in it, and what a join demands of the table that it adds."""
    for element in iterate(statement):
        if isinstance(element, Select):
            yield from equalities(element.whereclause)
            for joined in (part for source in element.get_final_froms() for part in iterate(source)):
                if isinstance(joined, Join):
                    pairs = list(equalities(joined.onclause))
                    yield from (pair for pair in pairs if joined.right.is_derived_from(pair[0].table))


def equalities(clause: ColumnElement[bool] | None) -> Iterator[tuple[Any, BindParameter[Any]]]:
    """The columns that a WHERE demands to equal a parameter, whatever else it demands; and the parameter."""
    if isinstance(clause, BooleanClauseList) and clause.operator is operators.and_:
        for part in clause.clauses:
            yield from equalities(part)
    elif (
        isinstance(clause, BinaryExpression)
        and clause.operator is operators.eq
        and isinstance(clause.right, BindParameter)
    ):
        yield clause.left, clause.right


@pytest.fixture
def served(engine: Engine) -> Service:
    return with_two_orders(engine)


def with_two_orders(engine: Engine) -> Service:
    """Of the same passengers."""
    for order in (MINE, OTHER):
        book(engine, order, [ALICE, BOB, CAROL])
    return service_on(engine)


def code(served: Service, passengers: str, order: str = MINE, random: int | None = None) -> int:
    found: int = served.cancel(order, passengers, random=random).result["code"]
    return found


def cancel_in_every_way(served: Service) -> None:
    assert code(served, ALICE, random=900_001) == 1
    assert code(served, ALICE, random=900_001) == 1  # the same bytes: the nonce is read
    assert code(served, ALICE) == 1  # signed anew
    assert code(served, f"{ALICE},{BOB}") == 2004
    assert code(served, "00000000-0000-4000-8000-000000000000") == 2002
    assert code(served, BOB, random=900_001) == 1002  # the nonce of another request
    assert code(served, f"{BOB},{CAROL}") == 1  # the last: the order is closed
    assert code(served, ALICE) == 1


def test_no_statement_of_a_cancel_reaches_beyond_its_order(served: Service) -> None:
    with recorded(served.engine) as statements:
        cancel_in_every_way(served)
    elements = [element for statement, _ in statements for element in iterate(statement)]
    for kind in (Insert, Select, Update):
        assert any(isinstance(element, kind) for element in elements)
    touched = {element.name for element in elements if isinstance(element, Table)}
    assert touched == metadata.tables.keys() - {feed.name}
    assert [stray for statement, values in statements for stray in strays(statement, values)] == []


def test_the_rows_of_another_order_stay_as_they_are(served: Service) -> None:
    def rows_of_the_other() -> list[object]:
        with served.engine.connect() as connection:
            tables = [select(table).where(table.c.order_number == OTHER) for table in OF_AN_ORDER]
            return [connection.execute(table).all() for table in tables]

    before = rows_of_the_other()
    cancel_in_every_way(served)
    assert rows_of_the_other() == before
    assert code(served, ALICE, OTHER) == 1


def test_a_cancel_waits_for_no_lock_on_another_order(postgres_engine: Engine) -> None:
    served = with_two_orders(postgres_engine)
    assert code(served, ALICE, OTHER) == 1
    with postgres_engine.begin() as holder:
        for table in OF_AN_ORDER:
            holder.execute(select(table).where(table.c.order_number == OTHER).with_for_update())
        cancel_in_every_way(served)


def test_a_statement_that_is_given_as_a_string_is_recorded(engine: Engine) -> None:
    with recorded(engine) as statements, engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
        connection.execute(select(orders))
    assert [str(statement) for statement, _ in statements][:1] == ["SELECT 1"]
    assert len(statements) == 2


def test_what_a_transaction_sets_up_locks_nothing() -> None:
    statements = postgres._SETTINGS.split(";")
    assert all(re.fullmatch(r"\s*SET LOCAL [a-z_]+ = [{}A-Za-z_]+", statement) for statement in statements)


@pytest.mark.parametrize(
    "statement",
    [
        select(orders),
        select(orders).where(orders.c.order_number > "a"),
        select(orders).where((orders.c.order_number == MINE) | (orders.c.state == "booked")),
        select(passenger.c.paid_minor).where(passenger.c.passenger_id == ALICE),
        select(orders).join(passenger).where(orders.c.order_number == MINE),
        select(orders).outerjoin(passenger, orders.c.order_number == MINE).where(passenger.c.order_number == MINE),
        select(orders.c.state, select(passenger.c.paid_minor).scalar_subquery()).where(orders.c.order_number == MINE),
        update(orders)
        .where(orders.c.order_number == MINE)
        .values(state="booked")
        .add_cte(update(passenger).values(paid_minor=0).cte()),
        update(orders).values(state="booked"),
        update(orders).where(orders.c.order_number == OTHER).values(state="booked"),
        text("SELECT * FROM orders"),
        select(func.pg_advisory_xact_lock(1)),
    ],
    ids=str,
)
def test_a_statement_that_strays_is_found(statement: Any) -> None:
    assert strays(statement, {}) != []
