"""The shape of a request: which members are missing or malformed, in words for the client.

Also turns contract words into domain words, once the shape is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from xml_contracts.refund import Terminal, TicketRefundRequest

from ..domain import Cancellation
from ..http.media import Bound
from ..signing.time_stamp import read_time_stamp

MAX_ORDER_NUMBER: Final = 64
MAX_REASON: Final = 500
MAX_PASSENGERS: Final = 64

_TERMINALS = frozenset(int(terminal) for terminal in Terminal)
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # PostgreSQL takes no NUL, UTF-8 no lone surrogate


Problem = tuple[str | None, str]
"""A member (None: the body as a whole) and what is wrong with it, in words for the client."""

MISSING: Final = "missing"


def binding_problems(bound: Bound[TicketRefundRequest]) -> Iterator[Problem]:
    """What the formatter could not read."""
    if bound.value is None and not bound.errors:
        yield None, "there is no request in the body"
    yield from bound.errors


def shape_problems(request: TicketRefundRequest) -> Iterator[Problem]:
    """Which members are missing or malformed."""
    for member in ("order_number", "refund_passanger_ids", "time_stamp", "sign"):
        if _is_blank(getattr(request, member)):
            yield member, MISSING
    for member in ("random", "terminal"):
        if getattr(request, member) == 0:
            yield member, MISSING
    for member in ("order_number", "refund_passanger_ids", "refund_reason", "time_stamp", "sign"):
        if _UNSTORABLE.search(getattr(request, member) or ""):
            yield member, "has a character that is not text"
    if len(request.order_number or "") > MAX_ORDER_NUMBER:
        yield "order_number", f"longer than {MAX_ORDER_NUMBER} characters"
    if len(request.refund_reason or "") > MAX_REASON:
        yield "refund_reason", f"longer than {MAX_REASON} characters"
    if not _is_blank(request.refund_passanger_ids) and not _are_passenger_ids(request.refund_passanger_ids):
        yield "refund_passanger_ids", f"must be 1 to {MAX_PASSENGERS} GUIDs separated by commas"
    if not _is_blank(request.time_stamp) and not _is_time_stamp(request.time_stamp):
        yield "time_stamp", "must be a UTC time as yyyyMMddHHmmss"
    if int(request.terminal) not in _TERMINALS | {0}:
        yield "terminal", "not a known terminal"


def read_cancellation(request: TicketRefundRequest) -> Cancellation:
    """Contract words into domain words; the shape must be valid."""
    passenger_ids = frozenset(_split_ids(request.refund_passanger_ids))
    return Cancellation(request.order_number or "", passenger_ids, request.refund_reason)


def _is_blank(text: str | None) -> bool:
    return not text or text.isspace()


def _split_ids(text: str | None) -> list[str]:
    """Canonical spelling: blanks around an id are dropped, letters are lower case."""
    return [part.strip().lower() for part in (text or "").split(",")]


def _are_passenger_ids(text: str | None) -> bool:
    ids = _split_ids(text)
    return all(_GUID.fullmatch(passenger_id) for passenger_id in ids) and len(set(ids)) <= MAX_PASSENGERS


def _is_time_stamp(text: str | None) -> bool:
    try:
        read_time_stamp(text or "")
    except ValueError:
        return False
    return True
