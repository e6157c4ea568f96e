"""The list of the ledger's statements, which `make chaos-failpoints` must all have met."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from refund_api.storage import ledger
from refund_api.storage.engines.compiled import always
from refund_api.storage.tables import orders
from tests.chaos.statements import ledger_statements, name_of, never_seen

DIALECTS = ("sqlite", "postgresql")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_statement_that_the_ledger_uses_is_in_the_list(dialect: str) -> None:
    statements = ledger_statements(dialect)
    methods = [method for method in vars(ledger.SqlLedger).values() if hasattr(method, "__code__")]
    used = {name for method in methods for name in method.__code__.co_names}
    assert {name for name in used if name.startswith("_") and name.isupper()} == {
        name.partition(" ")[0] for name in statements
    }
    made = {name for name in used if is_from_sqlalchemy(vars(ledger).get(name))} | used & {"always", "Statement"}
    assert made == set(), "a statement is built in a method, where the list does not see it"


def is_from_sqlalchemy(value: object) -> bool:
    return str(getattr(value, "__module__", "")).startswith("sqlalchemy")


def test_what_a_refund_writes_is_one_statement_on_postgresql_and_four_on_sqlite() -> None:
    recording = {dialect: [name for name in ledger_statements(dialect) if "_RECORD" in name] for dialect in DIALECTS}
    assert recording == {"postgresql": ["_RECORD 1"], "sqlite": [f"_RECORD {number}" for number in (1, 2, 3, 4)]}
    assert name_of(ledger._RECORD["sqlite"][2]) == "_RECORD 3"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_statement_added_to_the_ledger_is_missed_until_it_was_passed(
    dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = [f"{when} {name}" for name in ledger_statements(dialect) for when in ("before", "after")]
    assert never_seen(dialect, points) == []
    monkeypatch.setattr(ledger, "_ADDED", always(select(orders)), raising=False)
    assert never_seen(dialect, points) == ["after _ADDED", "before _ADDED"]
    assert never_seen(dialect, [*points, "before _ADDED"]) == ["after _ADDED"]
