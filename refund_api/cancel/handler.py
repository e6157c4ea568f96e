"""Cancel an order: the one handler behind every wire format.

It judges in the order of the contract: what could not be read, the shape, the signature, then the decision in one
transaction. It translates every decision into the answer that clients read, and into the event that operators see.
So it does when the ledger can promise nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import Any, assert_never

from xml_contracts.reading import Problem, Reading
from xml_contracts.refund import ApiResult, TicketRefundRequest

from .. import events, words
from ..context import RequestContext
from ..domain import NOTICE_DAYS
from ..events import TRY_AGAIN, Outcome
from ..parts import Parts
from ..ports import LedgerUnavailable, UnitOfWork
from ..rules import broken_rules, reading_problems
from ..signing.verifier import Cause, SignatureRejected, Verified, Verifier
from .decision import Asked, Decided, FeedTooOld, NonceTaken, Recorded, Refused, Repeated, decide
from .shape import read_cancellation


class Code(IntEnum):
    """The outcomes of the action itself, as clients read them; those of the rules are in domain.Refusal."""

    OK = 1
    INVALID_REQUEST = 1001
    SIGNATURE_REJECTED = 1002


def make_cancel_order(parts: Parts) -> CancelOrder:
    """The handler on the ledger of these parts."""
    settings = parts.settings
    seconds = settings.max_feed_age_seconds
    return CancelOrder(
        parts.unit_of_work,
        parts.verifier,
        settings.legacy_nonce_enforced,
        settings.notice_days,
        None if seconds is None else timedelta(seconds=seconds),
    )


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """The handler. The train must leave more than `notice_days` after today.

    `enforce_nonce` False lets a nonce pass that was used for another request, and tells of it. `max_feed_age` is how
    old the newest order feed may be, None any age.
    """

    unit_of_work: UnitOfWork
    verifier: Verifier
    enforce_nonce: bool = True
    notice_days: int = NOTICE_DAYS
    max_feed_age: timedelta | None = None

    def __call__(self, reading: Reading[TicketRefundRequest], context: RequestContext) -> Outcome:
        """Judge and, when nothing speaks against it, refund."""
        request, problems = reading.value, tuple(reading_problems(reading))
        if request is not None and not problems:
            problems = tuple(broken_rules(request))
        if request is None or problems:
            return _invalid(problems)
        try:
            verified = self.verifier.verify(request, context.received_at)
        except SignatureRejected as rejected:
            return _rejected(request, rejected)
        asked = Asked(
            cancellation=read_cancellation(request),
            nonce=verified.nonce,
            kid=verified.kid,
            now=context.received_at,
            notice_days=self.notice_days,
            source=context.source,
            request_id=context.request_id,
            max_feed_age=self.max_feed_age,
        )
        facts: dict[str, Any] = {
            "order_number": asked.cancellation.order_number,
            "passengers": len(asked.cancellation.passenger_ids),
            "terminal": int(request.terminal),
            "kid": verified.kid,
            "scheme": verified.scheme,
        }
        try:
            decided = decide(self.unit_of_work, asked, enforce_nonce=self.enforce_nonce)
        except LedgerUnavailable as error:
            return _try_again(str(error), facts)
        return _outcome(decided, request, verified, facts, self.notice_days)


def _outcome(
    decided: Decided, request: TicketRefundRequest, verified: Verified, known: dict[str, Any], notice_days: int
) -> Outcome:
    """Domain words into the answer and the event; a decision without a translation fails the type check."""
    facts = known | {"attempts": decided.attempts, "nonce_conflict": decided.nonce_conflict}
    match decided.decision:
        case Recorded(refund_id):
            return Outcome(_cancelled(refund_id), events.RefundRecorded(refund_id=refund_id, **facts))
        case Repeated(refund_id):
            return Outcome(_cancelled(refund_id), events.RefundRepeated(refund_id=refund_id, **facts))
        case Refused(refusal):
            result = ApiResult(refusal.value, words.refused(refusal, notice_days=notice_days))
            return Outcome(result, events.Refused(code=refusal.value, **facts))
        case FeedTooOld(as_of):
            reason = f"the newest order feed is of {as_of or 'no known time'}: REFUND_API_MAX_FEED_AGE_SECONDS"
            return _try_again(reason, known)
        case NonceTaken():
            return _rejected(
                request, SignatureRejected(Cause.NONCE_TAKEN, None, scheme=verified.scheme, kid=verified.kid)
            )
        case other:
            assert_never(other)


def _try_again(reason: str, known: dict[str, Any]) -> Outcome:
    return Outcome(ApiResult(TRY_AGAIN, words.TRY_AGAIN), events.LedgerAway(reason, **known))


def _cancelled(refund_id: str) -> ApiResult:
    return ApiResult(Code.OK, words.CANCELLED, refund_id)


def _rejected(request: TicketRefundRequest, rejected: SignatureRejected) -> Outcome:
    event = events.SignatureRejected(
        cause=rejected.cause.value,
        order_number=request.order_number or "",
        terminal=int(request.terminal),
        scheme=rejected.scheme,
        kid=rejected.kid,
        clock_difference=rejected.clock_difference,
    )
    return Outcome(ApiResult(Code.SIGNATURE_REJECTED, words.SIGNATURE_REJECTED), event)


def _invalid(problems: tuple[Problem, ...]) -> Outcome:
    result = ApiResult(Code.INVALID_REQUEST, words.invalid_request(problems))
    return Outcome(result, events.InvalidRequest(problems))
