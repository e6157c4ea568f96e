"""The sink that writes log lines and counts, in this process, what happened."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Final, assert_never

from xml_contracts.reading import Problem, Skipped

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

OTHER: Final = "other"


class LogAndCount:
    """Logs what an operator must know, and counts it.

    The keys of `counted` are ("members_ignored", member, kind), ("signature_rejected", cause) and
    ("nonce_conflict", "observed").
    """

    def __init__(self) -> None:
        self.counted = Counter[tuple[str, ...]]()

    def __call__(self, event: Event) -> None:
        if event.skipped:
            self._skipped(event.skipped)
        match event.happening:
            case RefundRecorded() | RefundRepeated() | Refused() as decided:
                if decided.nonce_conflict:
                    log.warning("nonce used for something else: observed, not enforced")
                    self.counted["nonce_conflict", "observed"] += 1
            case SignatureRejected(cause=cause):
                log.warning("signature rejected: %s", cause)
                self.counted["signature_rejected", cause] += 1
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

    def _skipped(self, skipped: tuple[Problem, ...]) -> None:
        """Unknown members count as `other`: clients choose their names, and the label of a metric has few values."""
        log.warning("members ignored: %s", words.ignored_in_words(skipped))
        for problem in skipped:
            member, kind, times = _labels(problem)
            self.counted["members_ignored", member, kind] += times


def _labels(problem: Problem) -> tuple[str, str, int]:
    """The labels member and kind, which have few values, and how often this was skipped."""
    assert isinstance(problem.reason, Skipped), problem
    match problem.reason:
        case Skipped.UNKNOWN:
            return OTHER, "unknown", 1
        case Skipped.MORE_UNKNOWN:
            return OTHER, "unknown", int(problem.arguments[0])
        case Skipped.WRONG_NAMESPACE:
            return problem.member or OTHER, "wrong namespace", 1
        case Skipped.OUT_OF_ORDER:
            return problem.member or OTHER, "out of order", 1
        case Skipped.REPEATED_FIRST_COUNTS | Skipped.REPEATED_LAST_COUNTS | Skipped.REPEATED_LAST_READABLE_COUNTS:
            return problem.member or OTHER, "repeated", 1
        case other:
            assert_never(other)


def _say_why_missing(problems: tuple[Problem, ...], skipped: tuple[Problem, ...]) -> None:
    """Log why a member counts as missing although the client sent it; the legacy never told."""
    reasons = {problem.member: problem for problem in skipped}
    for problem in problems:
        if problem.reason is ShapeFault.MISSING and problem.member in reasons:
            reason = words.why_skipped(reasons[problem.member])
            log.warning("%s is missing because it was skipped: %s", problem.member, reason)
