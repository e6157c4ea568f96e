"""The sink that counts, in this process, what happened."""

from __future__ import annotations

from collections import Counter
from typing import Final, assert_never

from xml_contracts.reading import Problem, Skipped

from ..events import Event, RefundRecorded, RefundRepeated, Refused, SignatureRejected

OTHER: Final = "other"


class LogAndCount:
    """Counts what metrics will show.

    The keys of `counted` are ("members_ignored", member, kind), ("signature_rejected", cause) and
    ("nonce_conflict", "observed").
    """

    def __init__(self) -> None:
        self.counted = Counter[tuple[str, ...]]()

    def __call__(self, event: Event) -> None:
        for problem in event.skipped:
            member, kind, times = _labels(problem)
            self.counted["members_ignored", member, kind] += times
        match event.happening:
            case (
                RefundRecorded(nonce_conflict=True) | RefundRepeated(nonce_conflict=True) | Refused(nonce_conflict=True)
            ):
                self.counted["nonce_conflict", "observed"] += 1
            case SignatureRejected(cause=cause):
                self.counted["signature_rejected", cause] += 1


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
