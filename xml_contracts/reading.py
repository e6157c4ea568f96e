"""What every codec gives: a `Reading`. Bad content is a value here, never an exception.

A `Reason` is a value of an enum, so that whoever shows it chooses the language; each codec has its own enum of reasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

T = TypeVar("T")


class Reason(Enum):
    """Base of the enums of reasons. The value is a short English phrase for logs and debuggers, not for clients."""


class Skipped(Reason):
    """Why a codec passed over a member that the request does have."""

    UNKNOWN = "unknown"
    WRONG_NAMESPACE = "wrong namespace"
    OUT_OF_ORDER = "out of order"
    REPEATED_FIRST_COUNTS = "repeated: the first one counts"
    REPEATED_LAST_COUNTS = "repeated: the last one counts"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a request, or was skipped in it.

    `member` is the name of a member as the wire has it, None for the request as a whole. `arguments` are what the
    reason needs to be told in words: names, positions, the text that was refused.
    """

    member: str | None
    reason: Reason
    arguments: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What a codec read: an instance of the contract or None, what could not be read, and what was skipped.

    A value of None without errors means that the request had no content: an empty body, JSON `null`, a root that is
    nil. A value beside errors is what survived them.
    """

    value: T | None
    errors: tuple[Problem, ...] = ()
    ignored: tuple[Problem, ...] = ()
