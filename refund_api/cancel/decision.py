"""The decision: judge a cancellation on the ledger and record its refund, in one transaction and in domain words.

The transaction may run more than once: after a lost connection or a conflict it begins again from the start, and then
finds what an earlier run of it has recorded. Which answer a client reads is the handler's business.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from ..domain import Cancellation, Nonce, Refund, Refusal, cancelled_passengers, judge
from ..ports import Ledger, UnitOfWork
from ..values import value_class


@value_class(frozen=True, slots=True)
class Recorded:
    """The refund is in the ledger now."""

    refund_id: str


@value_class(frozen=True, slots=True)
class Repeated:
    """The same passengers of the same order were refunded before, by this refund."""

    refund_id: str


@value_class(frozen=True, slots=True)
class Refused:
    """The rules refuse it; the nonce alone was recorded, so that the signature cannot serve another request."""

    refusal: Refusal


@value_class(frozen=True, slots=True)
class FeedTooOld:
    """The shop may know by now what the ledger does not, so nothing was decided, and the nonce alone was recorded.

    `as_of` (aware, UTC) is up to when the newest feed knows the shop; None: there was no feed.
    """

    as_of: datetime | None


@value_class(frozen=True, slots=True)
class NonceTaken:
    """The nonce was used before for another request; everything was rolled back."""


Decision = Recorded | Repeated | Refused | FeedTooOld | NonceTaken


@value_class(frozen=True, slots=True)
class Asked:
    """A cancellation whose signature holds, with what the ledger keeps of the request.

    `now` (aware, UTC) is the one time that every rule is judged by. The train must leave more than `notice_days` later.
    `nonce` is None for a signature that needs none. `max_feed_age` None: the orders may be of any age.
    """

    cancellation: Cancellation
    nonce: Nonce | None
    kid: str
    now: datetime
    notice_days: int
    source: str
    request_id: str
    max_feed_age: timedelta | None = None


@value_class(frozen=True, slots=True)
class Decided:
    """A decision; `nonce_conflict` tells that the nonce was another request's, `attempts` how often we tried."""

    decision: Decision
    nonce_conflict: bool
    attempts: int


class _RollBack(Exception):
    """Raised inside the transaction to roll it back."""


def decide(unit_of_work: UnitOfWork, asked: Asked, *, enforce_nonce: bool = True) -> Decided:
    """Decide in one transaction. LedgerUnavailable: nothing is promised, and the same request may come again.

    `enforce_nonce` False observes a nonce that was used for another request and goes on.
    """
    attempts = 0

    def work(ledger: Ledger) -> Decided:
        nonlocal attempts
        attempts += 1
        order_number = asked.cancellation.order_number
        conflict = asked.nonce is not None and not ledger.claim_nonce(asked.nonce, order_number)
        if conflict and enforce_nonce:
            raise _RollBack
        return Decided(judge_and_record(ledger, asked), conflict, attempts)

    try:
        return unit_of_work.run(work)
    except _RollBack:
        return Decided(NonceTaken(), True, attempts)


def judge_and_record(ledger: Ledger, asked: Asked) -> Recorded | Repeated | Refused | FeedTooOld:
    """The part of the transaction behind the nonce: lock the order, look for the same refund, judge, record."""
    cancellation = asked.cancellation
    order = ledger.lock_order(cancellation.order_number)
    set_hash = cancellation.set_hash
    history = None if order is None else ledger.history(order.order_number, set_hash)
    if history is not None and history.equal_refund is not None:
        return Repeated(history.equal_refund)  # whatever the shop says by now
    too_old = _feed_too_old(ledger, asked)
    if too_old is not None:
        return too_old
    if order is None or history is None:
        return Refused(Refusal.ORDER_NOT_FOUND)
    passengers = history.passengers
    cancelled = cancelled_passengers(passengers, history.refunded)
    refusal = judge(order, passengers.keys(), cancelled, cancellation, asked.now, asked.notice_days)
    if refusal is not None:
        return Refused(refusal)
    refund = Refund(
        order_number=order.order_number,
        refund_id=str(uuid.uuid4()),
        set_hash=set_hash,
        items={
            passenger_id: passengers[passenger_id].paid_minor for passenger_id in sorted(cancellation.passenger_ids)
        },
        currency=order.currency,
        reason=cancellation.reason,
        decided_at=asked.now,
        source=asked.source,
        kid=asked.kid,
        request_id=asked.request_id,
    )
    ledger.record(refund, closes_order=passengers.keys() == cancelled | cancellation.passenger_ids)
    return Recorded(refund.refund_id)


def _feed_too_old(ledger: Ledger, asked: Asked) -> FeedTooOld | None:
    if asked.max_feed_age is None:
        return None
    as_of = ledger.newest_feed()
    return FeedTooOld(as_of) if as_of is None or asked.now - as_of > asked.max_feed_age else None
