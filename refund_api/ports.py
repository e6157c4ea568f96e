"""What the handler needs from outside: a ledger in a transaction, a clock, the origin of a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from .domain import Nonce, Order, Refund

T = TypeVar("T")

Clock = Callable[[], datetime]
"""The time now, aware, UTC."""


def utc_now() -> datetime:
    """The Clock of the service: the system's."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: the peer's address and the request id, kept with the refund."""

    source: str
    request_id: str


class LedgerUnavailable(Exception):
    """The ledger cannot promise anything now; nothing was decided, the same request may come again."""


class Ledger(Protocol):
    """The ledger inside one transaction."""

    def claim_nonce(self, nonce: Nonce, order_number: str) -> bool:
        """Whether the nonce is ours: new, or used before for the same fingerprint. The first row stays."""

    def lock_order(self, order_number: str) -> Order | None:
        """The order, its row locked until the transaction ends."""

    def find_refund(self, order_number: str, set_hash: str) -> str | None:
        """The id of the refund recorded for this very set of passengers."""

    def paid(self, order_number: str) -> Mapping[str, int]:
        """Passenger id -> minor units paid, for every passenger of the order."""

    def refunded(self, order_number: str) -> Set[str]:
        """Ids of the passengers already refunded."""

    def record(self, refund: Refund, *, closes_order: bool) -> None:
        """Write refund, items and outbox row; with `closes_order` the order becomes cancelled."""


class UnitOfWork(Protocol):
    """Runs work in one transaction."""

    def run(self, work: Callable[[Ledger], T]) -> T:
        """Commit when `work` returns, roll back when it raises; may call it again on a conflict.

        LedgerUnavailable: nothing is promised; the outcome may even have been recorded.
        """
