"""The vocabulary of the seam: media types, formatters, and what reading a request gives.

Imports nothing, so that every room can speak it. The exceptions name facts about a request;
which status they become is written once, in answers.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MediaType:
    """`type/subtype` as sent, and its parameters by lower-case name (a name-only one has the value None)."""

    type: str
    subtype: str
    parameters: Mapping[str, str | None] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.type}/{self.subtype}"


@dataclass(frozen=True, slots=True)
class Bound(Generic[T]):
    """What a formatter read: bad content is a value, not an exception.

    `errors`: (member or None, reason). `ignored`: (name, reason) of what was skipped while reading.
    """

    value: T | None
    errors: tuple[tuple[str | None, str], ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class HttpError:
    """The framework's own answer, `{"Message":…}` or `<Error><Message>…`."""

    message: str


@dataclass(frozen=True, slots=True)
class Formatter:
    """One wire format. `read(body, charset)`; `write(value, charset)` takes an ApiResult or an HttpError.

    `charset` is `utf-8` or `utf-16`. A format that is only read has no `write`.
    """

    name: str
    media_types: tuple[MediaType, ...]
    read: Callable[[bytes, str], Bound[Any]]
    write: Callable[[Any, str], bytes] | None


class RequestRefused(Exception):
    """Base: the framework answers, the action does not run. The text is what the client reads."""


class BodyCutShort(RequestRefused):
    """Fewer bytes than promised, or a framing that cannot be read."""


class BodyTooLong(RequestRefused):
    """More bytes than the service takes."""


class BodyEncoded(RequestRefused):
    """A Content-Encoding; the legacy never decoded one."""


class UnsupportedMediaType(RequestRefused):
    """A body that no formatter reads."""


class MethodNotAllowed(RequestRefused):
    """The action is there, for POST only."""
