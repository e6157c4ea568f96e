"""The vocabulary of the edge: media types, formatters, and the facts for which the framework refuses a request.

The exceptions carry facts; answers.py has the status and the words for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from xml_contracts.reading import Reading


@dataclass(frozen=True, slots=True)
class MediaType:
    """`type/subtype` as sent. `parameters` has lower-case names; the value is None where a name came without one."""

    type: str
    subtype: str
    parameters: Mapping[str, str | None] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.type}/{self.subtype}"


@dataclass(frozen=True, slots=True)
class HttpError:
    """The framework's own answer, `{"Message":…}` or `<Error><Message>…`."""

    message: str


@dataclass(frozen=True, slots=True)
class Formatter:
    """One wire format. `read(body, charset)`; `write(value, charset)` takes an instance of a contract or an HttpError.

    `charset` is `utf-8` or `utf-16`. A format that is only read has no `write`.
    """

    name: str
    media_types: tuple[MediaType, ...]
    read: Callable[[bytes, str], Reading[Any]]
    write: Callable[[Any, str], bytes] | None


class BodyFault(Enum):
    """Why a body cannot be taken as whole."""

    LENGTH_UNREADABLE = "its Content-Length is no number"
    SHORTER_THAN_PROMISED = "it ended before its Content-Length"
    FRAMING_UNREADABLE = "the server cannot read its framing"


class RequestRefused(Exception):
    """Base of the exceptions here: the framework answers, and the action does not run."""


class BodyCutShort(RequestRefused):
    """Fewer bytes than promised, or a framing that cannot be read."""

    def __init__(self, fault: BodyFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class BodyTooLong(RequestRefused):
    """More bytes than the service takes; `limit` is how many it takes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} bytes")
        self.limit = limit


class BodyEncoded(RequestRefused):
    """The body has a Content-Encoding, of which the legacy never decoded any."""

    def __init__(self, coding: str) -> None:
        super().__init__(coding)
        self.coding = coding


class TransferCoded(RequestRefused):
    """A transfer coding other than `chunked` alone: nobody on the way has undone it."""


class UnsupportedMediaType(RequestRefused):
    """No formatter reads the body; `media_type` is None where no readable Content-Type was sent."""

    def __init__(self, media_type: MediaType | None) -> None:
        super().__init__(str(media_type))
        self.media_type = media_type


class MethodNotAllowed(RequestRefused):
    """The action exists, but only for the method `allowed`; `method` is the one that was sent."""

    def __init__(self, method: str, allowed: str) -> None:
        super().__init__(method)
        self.method = method
        self.allowed = allowed
