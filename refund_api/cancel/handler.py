"""Cancel an order: the one handler behind every wire format.

Judges in the order of the contract: binding, shape, signature, then one transaction. Every
outcome is an ApiResult; only a ledger that cannot promise anything leaves as an exception.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from xml_contracts.refund import ApiResult, TicketRefundRequest

from ..domain import Cancellation, Refund, Refusal, judge
from ..http.media import Bound
from ..ports import Clock, Ledger, Origin, UnitOfWork
from ..signing.verifier import Cause, SignatureRejected, Verified, Verifier
from .shape import MISSING, Problem, binding_problems, read_cancellation, shape_problems

log = logging.getLogger(__name__)


class Code(IntEnum):
    """The outcome, as clients read it."""

    OK = 1
    INVALID_REQUEST = 1001
    SIGNATURE_REJECTED = 1002
    ORDER_NOT_FOUND = 2001
    PASSENGER_NOT_IN_ORDER = 2002
    DEPARTS_WITHIN_30_DAYS = 2003
    ALREADY_CANCELLED = 2004
    ORDER_NOT_CANCELLABLE = 2005


_SIGNATURE_REJECTED = ApiResult(Code.SIGNATURE_REJECTED, "Signature rejected")
_REFUSALS = {
    Refusal.ORDER_NOT_FOUND: ApiResult(Code.ORDER_NOT_FOUND, "Order not found"),
    Refusal.PASSENGER_NOT_IN_ORDER: ApiResult(Code.PASSENGER_NOT_IN_ORDER, "Passenger not in this order"),
    Refusal.ALREADY_CANCELLED: ApiResult(Code.ALREADY_CANCELLED, "Already cancelled"),
    Refusal.ORDER_NOT_CANCELLABLE: ApiResult(Code.ORDER_NOT_CANCELLABLE, "This order cannot be cancelled"),
    Refusal.DEPARTS_WITHIN_30_DAYS: ApiResult(Code.DEPARTS_WITHIN_30_DAYS, "Departs within 30 days"),
}


def count_nothing(event: str, label: str) -> None:
    """Where nobody asks for figures."""


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """The handler, `Bound -> ApiResult`, with what it needs from outside.

    `enforce_nonce` False lets a nonce that was used for something else pass, and logs it. `count` gets (event, label)
    for metrics: ("signature_rejected", the value of a Cause); ("nonce_conflict", "observed").
    """

    unit_of_work: UnitOfWork
    verifier: Verifier
    clock: Clock
    origin: Callable[[], Origin]
    enforce_nonce: bool = True
    count: Callable[[str, str], None] = count_nothing

    def __call__(self, bound: Bound[TicketRefundRequest]) -> ApiResult:
        """Judge and, when nothing speaks against it, refund. LedgerUnavailable: nothing is promised."""
        request, problems = bound.value, list(binding_problems(bound))
        if request is not None and not problems:
            problems = list(shape_problems(request))
        if request is None or problems:
            _log_skipped(problems, dict(bound.ignored))
            return _invalid(problems)
        now = self.clock()
        try:
            verified = self.verifier.verify(request, now)
            cancellation = read_cancellation(request)
            result, conflict = self.unit_of_work.run(lambda ledger: self._cancel(ledger, cancellation, verified, now))
        except SignatureRejected as rejected:
            log.warning("signature rejected: %s", rejected.cause.value)
            self.count("signature_rejected", rejected.cause.value)
            return _SIGNATURE_REJECTED
        if conflict:
            log.warning("%s: observed, not enforced", Cause.NONCE_TAKEN.value)
            self.count("nonce_conflict", "observed")
        return result

    def _cancel(
        self, ledger: Ledger, cancellation: Cancellation, verified: Verified, now: datetime
    ) -> tuple[ApiResult, bool]:
        """Inside the transaction, which may run again from the start: the result, and whether the nonce was another's.

        SignatureRejected rolls everything back.
        """
        conflict = verified.nonce is not None and not ledger.claim_nonce(verified.nonce, cancellation.order_number)
        if conflict and self.enforce_nonce:
            raise SignatureRejected(Cause.NONCE_TAKEN, clock_difference=None)
        return self._decide(ledger, cancellation, verified.kid, now), conflict

    def _decide(self, ledger: Ledger, cancellation: Cancellation, kid: str, now: datetime) -> ApiResult:
        order = ledger.lock_order(cancellation.order_number)
        if order is None:
            return _REFUSALS[Refusal.ORDER_NOT_FOUND]
        recorded = ledger.find_refund(order.order_number, cancellation.set_hash)
        if recorded is not None:
            return _cancelled(recorded)
        paid, refunded = ledger.paid(order.order_number), ledger.refunded(order.order_number)
        refusal = judge(order, paid, refunded, cancellation, now)
        if refusal is not None:
            return _REFUSALS[refusal]
        origin = self.origin()
        refund = Refund(
            order_number=order.order_number,
            refund_id=str(uuid.uuid4()),
            set_hash=cancellation.set_hash,
            items={passenger_id: paid[passenger_id] for passenger_id in sorted(cancellation.passenger_ids)},
            currency=order.currency,
            reason=cancellation.reason,
            decided_at=now,
            source=origin.source,
            kid=kid,
            request_id=origin.request_id,
        )
        ledger.record(refund, closes_order=paid.keys() == refunded | cancellation.passenger_ids)
        return _cancelled(refund.refund_id)


def _log_skipped(problems: list[Problem], ignored: dict[str, str]) -> None:
    """Why a member is missing that the client did send: what .NET never told anyone."""
    for member, reason in problems:
        if reason == MISSING and member in ignored:
            log.warning("%s is missing because it was skipped: %s", member, ignored[member])


def _invalid(problems: list[Problem]) -> ApiResult:
    words = [reason if member is None else f"{member}: {reason}" for member, reason in problems]
    return ApiResult(Code.INVALID_REQUEST, f"Invalid request: {'; '.join(words)}")


def _cancelled(refund_id: str) -> ApiResult:
    return ApiResult(Code.OK, "Cancelled", refund_id)
