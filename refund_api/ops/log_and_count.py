"""The sink that writes log lines about what happened."""

from __future__ import annotations

import logging
from typing import assert_never

from xml_contracts.reading import Problem

from .. import words
from ..events import (
    ActionAnswered,
    Broken,
    Event,
    InvalidRequest,
    LedgerAway,
    Preflight,
    RefundRecorded,
    RefundRepeated,
    Refused,
    RequestRefused,
    SignatureRejected,
)
from ..rules import ShapeFault

log = logging.getLogger(__name__)


class LogLines:
    """Logs what an operator must know."""

    def __call__(self, event: Event) -> None:
        if event.skipped:
            log.warning("members ignored: %s", words.ignored_in_words(event.skipped))
        match event.happening:
            case RefundRecorded() | RefundRepeated() | Refused() as decided:
                if decided.nonce_conflict:
                    log.warning("nonce used for something else: observed, not enforced")
            case SignatureRejected(cause=cause):
                log.warning("signature rejected: %s", cause)
            case InvalidRequest(problems):
                _say_why_missing(problems, event.skipped)
            case LedgerAway(reason):
                log.error("ledger unavailable: %s", reason)
            case Broken(error):
                log.error("unhandled exception", exc_info=error)
            case ActionAnswered() | RequestRefused() | Preflight():
                pass
            case other:
                assert_never(other)


def _say_why_missing(problems: tuple[Problem, ...], skipped: tuple[Problem, ...]) -> None:
    """Log why a member counts as missing although the client sent it; the legacy never told."""
    reasons = {problem.member: problem for problem in skipped}
    for problem in problems:
        if problem.reason is ShapeFault.MISSING and problem.member in reasons:
            reason = words.why_skipped(reasons[problem.member])
            log.warning("%s is missing because it was skipped: %s", problem.member, reason)
