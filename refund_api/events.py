"""What happened to a request, as frozen values. Logs and metrics are made from the same value.

A handler tells with its answer what happened (`Outcome`). The edge adds how the answer went out and gives every sink
one `Event` for each answer.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final, Protocol

from xml_contracts.reading import Problem

from .context import RequestContext
from .values import value_class


@value_class(frozen=True, slots=True, kw_only=True)
class _Decided:
    """What is known of a request that the ledger has judged.

    `passengers` is how many were named, `kid` and `scheme` are those of the key that signed; the transaction ran
    `attempts` times. `nonce_conflict`: its nonce was used before for another request, which was observed, not enforced.
    """

    order_number: str
    passengers: int
    terminal: int
    kid: str
    scheme: str
    attempts: int
    nonce_conflict: bool


@value_class(frozen=True, slots=True, kw_only=True)
class RefundRecorded(_Decided):
    """A refund is in the ledger now."""

    refund_id: str


@value_class(frozen=True, slots=True, kw_only=True)
class RefundRepeated(_Decided):
    """The refund was recorded before; the client got its number again."""

    refund_id: str


@value_class(frozen=True, slots=True, kw_only=True)
class Refused(_Decided):
    """The rules refuse the request; `code` is the one the client got."""

    code: int


@value_class(frozen=True, slots=True, kw_only=True)
class SignatureRejected:
    """The signature proves nothing.

    `scheme` is None where the sign is of no scheme that is switched on, `kid` where no key made it. `clock_difference`
    is the time stamp minus now; None where the cause has nothing to do with the clock.
    """

    cause: str
    order_number: str
    terminal: int
    scheme: str | None
    kid: str | None
    clock_difference: timedelta | None


@value_class(frozen=True, slots=True)
class InvalidRequest:
    """The request could not be read, or its shape is wrong."""

    problems: tuple[Problem, ...]


@value_class(frozen=True, slots=True)
class ActionAnswered:
    """A handler answered without telling what happened, as a handler given from outside may."""

    code: int


@value_class(frozen=True, slots=True)
class LedgerAway:
    """The ledger could promise nothing; the client may send the same request again.

    What is known of the request is None where nobody had found it out.
    """

    reason: str
    order_number: str | None = None
    passengers: int | None = None
    terminal: int | None = None
    kid: str | None = None
    scheme: str | None = None


@value_class(frozen=True, slots=True)
class RequestRefused:
    """The framework answered by itself; the action did not run."""


@value_class(frozen=True, slots=True)
class Preflight:
    """A browser asked whether a page of a listed origin may send its request; the action did not run."""


@value_class(frozen=True, slots=True)
class Broken:
    """The program is wrong: an exception that nobody expected."""

    error: Exception


Happening = (
    RefundRecorded
    | RefundRepeated
    | Refused
    | SignatureRejected
    | InvalidRequest
    | ActionAnswered
    | LedgerAway
    | RequestRefused
    | Preflight
    | Broken
)


@value_class(frozen=True, slots=True, kw_only=True)
class Event:
    """One answer, and what happened to its request.

    `code` is the one of the action's result; None where the framework answered. `read_format` is None where nobody read
    the body. `skipped` are members that the codec passed over. `milliseconds` count from the call of the view to the
    answer being written, which was at `answered_at`, in seconds since 1970.
    """

    happening: Happening
    context: RequestContext
    status: int
    read_format: str | None
    write_format: str
    skipped: tuple[Problem, ...]
    milliseconds: float
    answered_at: float
    code: int | None = None


Sink = Callable[[Event], None]
"""Is called with the Event of every answer. An exception of a sink is logged and changes no answer."""


TRY_AGAIN: Final = 3001
"""The code for "not now, try again", in the result of every action."""


class Result(Protocol):
    """The result contract of an action: `code` tells the outcome."""

    @property
    def code(self) -> int: ...


@value_class(frozen=True, slots=True)
class Outcome:
    """What a handler gives: the answer of the action, and what happened."""

    result: Result
    happening: Happening
