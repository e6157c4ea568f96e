"""What became of the lines of a feed: counts, and the lines that an operator should look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .feed_file import MOST_LISTED
from .feed_order import ImportedOrder
from .merging import Merged


@dataclass(frozen=True, slots=True)
class Listed:
    """A line (from 1), its order, and what is to be known of it."""

    line: int
    order_number: str
    reason: str


@dataclass(slots=True)
class Listing:
    """The first of the lines of one kind, and how many there are."""

    first: list[Listed] = field(default_factory=list)
    count: int = 0

    def add(self, line: ImportedOrder, reason: str) -> None:
        """Count the line; keep it while there are few."""
        self.extend([Listed(line.line, line.order.order_number, reason)], 1)

    def extend(self, lines: Iterable[Listed], count: int) -> None:
        """Add the lines of another listing."""
        self.count += count
        self.first += list(lines)[: MOST_LISTED - len(self.first)]


@dataclass(slots=True)
class ImportResult:
    """What became of the lines. Each is one of created, updated, unchanged, or in `conflicts` or `older`.

    `conflicts` contradict the ledger, and `older` are older than it: of both nothing was taken but marks. `marked` is
    how many passengers turned out to be cancelled elsewhere. `kept_marks` are lines that do not repeat such a mark,
    which stays. `refunded_by_both` are lines that mark a passenger whom this service has refunded.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    marked: int = 0
    conflicts: Listing = field(default_factory=Listing)
    older: Listing = field(default_factory=Listing)
    kept_marks: Listing = field(default_factory=Listing)
    refunded_by_both: Listing = field(default_factory=Listing)

    @property
    def needs_attention(self) -> bool:
        """Somebody must look at a line: it contradicts the ledger, or money went out twice."""
        return bool(self.conflicts.count or self.refunded_by_both.count)

    def count(self, line: ImportedOrder, merged: Merged, *, is_changed: bool) -> None:
        """Count a line for a known order."""
        self.marked += len(merged.marked) + sum(new.cancelled_elsewhere for new in merged.added.values())
        if merged.refunded_by_both:
            self.refunded_by_both.add(line, f"refunded here and cancelled elsewhere: {_ids(merged.refunded_by_both)}")
        if merged.kept_marks:
            self.kept_marks.add(line, f"cancelled elsewhere before, and stays so: {_ids(merged.kept_marks)}")
        if merged.conflict is not None:
            self.conflicts.add(line, merged.conflict)
        elif merged.older:
            self.older.add(line, f"the shop spoke of it at {merged.as_of}, which is later")
        else:
            self.updated += is_changed
            self.unchanged += not is_changed

    def add(self, other: ImportResult) -> None:
        """Add what became of the lines of another batch."""
        self.created += other.created
        self.updated += other.updated
        self.unchanged += other.unchanged
        self.marked += other.marked
        for mine, theirs in (
            (self.conflicts, other.conflicts),
            (self.older, other.older),
            (self.kept_marks, other.kept_marks),
            (self.refunded_by_both, other.refunded_by_both),
        ):
            mine.extend(theirs.first, theirs.count)


def _ids(passenger_ids: Iterable[str]) -> str:
    return ", ".join(sorted(passenger_ids))
