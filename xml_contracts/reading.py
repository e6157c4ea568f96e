"""What every codec gives: a `Reading`, in which bad content is a value.

A `Reason` is a value of an enum and no sentence, so that whoever shows it chooses the language. Each codec has enums of
its own reasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, Generic, TypeVar

T = TypeVar("T")

LONGEST_NAME: Final = 40
"""Characters kept of a name that a client chose."""

MOST_UNKNOWN: Final = 64
"""How many unknown names are kept one by one; of the rest only the number is kept."""


class Reason(Enum):
    """Base of the enums of reasons. The value is a short English phrase for logs and debuggers, not for clients."""

    __hash__ = object.__hash__  # Enum's own is Python code, and a request may have thousands of problems


class Skipped(Reason):
    """Why a codec passed over a member that the request does have. The arguments are in brackets."""

    UNKNOWN = "unknown"
    WRONG_NAMESPACE = "wrong namespace"  # (the namespace expected)
    OUT_OF_ORDER = "out of order"  # (the member it must come before)
    REPEATED_FIRST_COUNTS = "repeated: the first one counts"
    REPEATED_LAST_COUNTS = "repeated: the last one counts"
    REPEATED_LAST_READABLE_COUNTS = "repeated: the last readable one counts"
    MORE_UNKNOWN = "more unknown names"  # (how many); no member


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a request, or was skipped in it.

    `member` is the name of a member as the wire has it, None for the request as a whole. `arguments` are what the
    reason needs to be told in words: names, positions, the text that was refused.
    """

    member: str | None
    reason: Reason
    arguments: tuple[str | int, ...] = ()

    def __str__(self) -> str:
        """One line for logs and debuggers: member, reason, arguments."""
        arguments = ", ".join(map(repr, self.arguments))
        return ": ".join(filter(None, (self.member, self.reason.value, arguments)))


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What a codec read: an instance of the contract or None, what could not be read, and what was skipped.

    A value of None without errors means that the request had no content: an empty body, JSON `null`, a root that is
    nil. A value beside errors is what survived them.
    """

    value: T | None
    errors: tuple[Problem, ...] = ()
    ignored: tuple[Problem, ...] = ()


class IgnoredMembers:
    """Collects what is skipped in one request: each problem once, in order, and no more than a limit.

    A contract has few members, so these need no limit. Names that the client chose are cut to LONGEST_NAME characters,
    and after the first MOST_UNKNOWN they are only counted.
    """

    def __init__(self) -> None:
        self._problems: dict[Problem, None] = {}
        self._unknown: set[str] = set()

    def add(self, member: str, reason: Skipped, *arguments: str | int) -> None:
        """Add a member of the contract."""
        self._problems[Problem(member, reason, arguments)] = None

    def add_unknown(self, name: str) -> None:
        """Add a name that the contract does not have."""
        name = name[:LONGEST_NAME]
        if name not in self._unknown:
            self._unknown.add(name)
            if len(self._unknown) <= MOST_UNKNOWN:
                self._problems[Problem(name, Skipped.UNKNOWN)] = None

    def problems(self) -> tuple[Problem, ...]:
        """All that was added; the last one is MORE_UNKNOWN when some names were only counted."""
        left_out = len(self._unknown) - MOST_UNKNOWN
        more = (Problem(None, Skipped.MORE_UNKNOWN, (left_out,)),) if left_out > 0 else ()
        return (*self._problems, *more)
