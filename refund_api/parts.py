"""What the handler of an action is made from."""

from __future__ import annotations

from dataclasses import dataclass

from .ports import UnitOfWork
from .settings import Settings
from .signing.verifier import Verifier


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that every action gets. The `verifier` accepts what was signed for the path of this action."""

    unit_of_work: UnitOfWork
    verifier: Verifier
    settings: Settings
