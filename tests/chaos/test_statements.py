"""The list of the ledger's statements, which `make chaos-failpoints` must all have met."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from refund_api.storage import ledger
from refund_api.storage.tables import orders
from tests.chaos.statements import ledger_statements, never_seen

DIALECTS = ("sqlite", "postgresql")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_statement_that_the_ledger_uses_is_in_the_list(dialect: str) -> None:
    statements = ledger_statements(dialect)
    assert statements["_INSERT_NONCE"] is ledger._INSERT_NONCE[dialect]
    methods = [method for method in vars(ledger.SqlLedger).values() if hasattr(method, "__code__")]
    used = {name for method in methods for name in method.__code__.co_names}
    assert {name for name in used if name.startswith("_") and name.isupper()} == statements.keys()
    from_sqlalchemy = {name for name in used if is_from_sqlalchemy(vars(ledger).get(name))}
    assert from_sqlalchemy <= statements.keys(), "a statement is built in a method, where the list does not see it"


def is_from_sqlalchemy(value: object) -> bool:
    return str(getattr(value, "__module__", "")).startswith("sqlalchemy")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_statement_added_to_the_ledger_is_missed_until_it_was_passed(
    dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = [f"{when} {name}" for name in ledger_statements(dialect) for when in ("before", "after")]
    assert never_seen(dialect, points) == []
    monkeypatch.setattr(ledger, "_ADDED", select(orders), raising=False)
    assert never_seen(dialect, points) == ["after _ADDED", "before _ADDED"]
    assert never_seen(dialect, [*points, "before _ADDED"]) == ["after _ADDED"]
