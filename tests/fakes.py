"""Fakes of the ports: a ledger in memory that commits and rolls back; and requests whose signature holds."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeVar

from refund_api.domain import BOOKED, CANCELLED, History, Nonce, Order, Passenger, Refund
from refund_api.ports import Ledger, LedgerUnavailable
from refund_api.signing.legacy import sign_legacy
from tests.world import ALICE, BOB, FAR_DAY, NOW, ORDER, SECRET
from xml_contracts.refund import Terminal, TicketRefundRequest

T = TypeVar("T")


@dataclass
class FakeLedger:
    """The Ledger port on dictionaries."""

    orders: dict[str, Order] = field(default_factory=dict)
    paid: dict[str, dict[str, int]] = field(default_factory=dict)
    refunds: list[Refund] = field(default_factory=list)
    nonces: dict[str, str] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)
    fed_as_of: datetime | None = None

    def claim_nonce(self, nonce: Nonce, order_number: str) -> bool:
        return self.nonces.setdefault(nonce.value, nonce.fingerprint) == nonce.fingerprint

    def lock_order(self, order_number: str) -> Order | None:
        return self.orders.get(order_number)

    def history(self, order_number: str, set_hash: str) -> History:
        paid = self.paid[order_number]
        refunds = [refund for refund in self.refunds if refund.order_number == order_number]
        return History(
            passengers={who: Passenger(paid[who], who in self.elsewhere) for who in paid},
            refunded={who for refund in refunds for who in refund.items},
            equal_refund=next((refund.refund_id for refund in refunds if refund.set_hash == set_hash), None),
        )

    def newest_feed(self) -> datetime | None:
        return self.fed_as_of

    def record(self, refund: Refund, *, closes_order: bool) -> None:
        self.refunds.append(refund)
        if closes_order:
            old = self.orders[refund.order_number]
            self.orders[refund.order_number] = Order(old.order_number, old.train_date, CANCELLED, old.currency)


@dataclass
class FakeUnitOfWork:
    """Commits when the work returns, rolls back when it raises; `away` stands for a database that is not there."""

    ledger: FakeLedger = field(default_factory=FakeLedger)
    away: bool = False

    def run(self, work: Callable[[Ledger], T]) -> T:
        if self.away:
            raise LedgerUnavailable("the database is away")
        draft = copy.deepcopy(self.ledger)
        result = work(draft)
        self.ledger = draft
        return result


def ledger_with_order(train_date: date = FAR_DAY, state: str = BOOKED) -> FakeLedger:
    """One order with two passengers."""
    order = Order(ORDER, train_date, state, "CNY")
    return FakeLedger({ORDER: order}, {ORDER: {ALICE: 55350, BOB: 27650}})


def signed(
    order_number: str | None = ORDER,
    ids: str | None = ALICE,
    *,
    reason: str | None = "plans changed",
    at: datetime = NOW,
    random: int = 12345,
    terminal: int = 1,
    secret: bytes = SECRET,
) -> TicketRefundRequest:
    """A request whose signature holds."""
    time_stamp = at.strftime("%Y%m%d%H%M%S")
    return TicketRefundRequest(
        terminal=Terminal(terminal) if terminal == 1 else terminal,
        time_stamp=time_stamp,
        random=random,
        sign=sign_legacy(secret, random=random, time_stamp=time_stamp, terminal=terminal),
        order_number=order_number,
        refund_passanger_ids=ids,
        refund_reason=reason,
    )
