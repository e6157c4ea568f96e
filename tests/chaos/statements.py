"""The statements that the ledger can execute: found in its module, so that none that is added is forgotten."""

from __future__ import annotations

from collections.abc import Iterable

from refund_api.storage import ledger
from refund_api.storage.engines.compiled import Statement
from refund_api.storage.engines.table import ENGINES, PerEngine


def ledger_statements(dialect: str) -> dict[str, Statement]:
    """Every constant of ledger.py that is a statement, by its name; with a number, where it has several."""
    statements: dict[str, Statement] = {}
    for name, value in vars(ledger).items():
        if isinstance(value, Statement):
            statements[name] = value
        elif isinstance(value, PerEngine):
            statements |= {f"{name} {number}": statement for number, statement in enumerate(value[dialect], 1)}
    return statements


def name_of(statement: Statement) -> str:
    """What ledger.py calls it."""
    for engine in ENGINES:
        for name, known in ledger_statements(engine.dialect).items():
            if known is statement:
                return name
    raise LookupError("not a statement of the ledger")


def never_seen(dialect: str, points: Iterable[str]) -> list[str]:
    """The points before and after a statement of the ledger that are not among these."""
    needed = {f"{when} {name}" for when in ("before", "after") for name in ledger_statements(dialect)}
    return sorted(needed.difference(points))
