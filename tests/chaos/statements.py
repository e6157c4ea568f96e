"""The statements that the ledger can execute: found in its module, so that none that is added is forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Executable

from refund_api.storage import ledger


def ledger_statements(dialect: str) -> dict[str, Executable]:
    """Every constant of ledger.py that is a statement, or has one for this dialect, by its name."""
    values = {name: value.get(dialect) if isinstance(value, Mapping) else value for name, value in vars(ledger).items()}
    return {name: value for name, value in values.items() if isinstance(value, Executable)}


def never_seen(dialect: str, points: Iterable[str]) -> list[str]:
    """The points before and after a statement of the ledger that are not among these."""
    needed = {f"{when} {name}" for when in ("before", "after") for name in ledger_statements(dialect)}
    return sorted(needed.difference(points))
