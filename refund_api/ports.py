"""What the handler needs from outside: a ledger in a transaction, and a clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from .domain import History, Nonce, Order, Refund

T = TypeVar("T")

Clock = Callable[[], datetime]
"""Gives the time now, aware, UTC."""


def utc_now() -> datetime:
    """The Clock of the service: the time of the system."""
    return datetime.now(UTC)


class LedgerUnavailable(Exception):
    """The ledger cannot promise anything now. The same request may be sent again."""


class Ledger(Protocol):
    """The ledger inside one transaction."""

    def claim_nonce(self, nonce: Nonce, order_number: str) -> bool:
        """True: the nonce is new, or was used before for the same fingerprint. False: it was used for another request.

        The row of the first use is never changed.
        """

    def lock_order(self, order_number: str) -> Order | None:
        """The order, with its row locked until the transaction ends; None when there is no such order."""

    def history(self, order_number: str, set_hash: str) -> History:
        """What is known of an order that this transaction has locked; `set_hash` is the Cancellation's."""

    def newest_feed(self) -> datetime | None:
        """Up to when (aware, UTC) the newest order feed knows the shop; None when none came to its end yet."""

    def record(self, refund: Refund, *, closes_order: bool) -> None:
        """Write refund, items and outbox row; with `closes_order` the order becomes cancelled."""


class UnitOfWork(Protocol):
    """Runs work in one transaction."""

    def run(self, work: Callable[[Ledger], T]) -> T:
        """Commit when `work` returns, roll back when it raises; may call it again on a conflict.

        LedgerUnavailable: nothing is promised; the outcome may even have been recorded.
        """
