"""The shape of a request: which members are missing or malformed, in words for the client.

Also turns contract words into domain words, once the shape is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from xml_contracts.refund import Terminal, TicketRefundRequest

from .domain import Cancellation
from .media import Bound
from .signature import read_time_stamp

MAX_ORDER_NUMBER: Final = 64
MAX_REASON: Final = 500
MAX_PASSENGERS: Final = 64

_TERMINALS = frozenset(int(terminal) for terminal in Terminal)
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # PostgreSQL takes no NUL, UTF-8 no lone surrogate


def binding_problems(bound: Bound[TicketRefundRequest]) -> Iterator[str]:
    """What the formatter could not read, in words for the client."""
    if bound.value is None and not bound.errors:
        yield "there is no request in the body"
    for member, reason in bound.errors:
        yield reason if member is None else f"{member} {reason}"


def shape_problems(request: TicketRefundRequest) -> Iterator[str]:
    """Which members are missing or malformed, in words for the client."""
    for member in ("order_number", "refund_passanger_ids", "time_stamp", "sign"):
        if _is_blank(getattr(request, member)):
            yield f"{member} is missing"
    for member in ("random", "terminal"):
        if getattr(request, member) == 0:
            yield f"{member} is missing"
    for member in ("order_number", "refund_passanger_ids", "refund_reason", "time_stamp", "sign"):
        if _UNSTORABLE.search(getattr(request, member) or ""):
            yield f"{member} has a character that is not text"
    if len(request.order_number or "") > MAX_ORDER_NUMBER:
        yield f"order_number is longer than {MAX_ORDER_NUMBER} characters"
    if len(request.refund_reason or "") > MAX_REASON:
        yield f"refund_reason is longer than {MAX_REASON} characters"
    if not _is_blank(request.refund_passanger_ids) and not _are_passenger_ids(request.refund_passanger_ids):
        yield f"refund_passanger_ids must be 1 to {MAX_PASSENGERS} GUIDs separated by commas"
    if not _is_blank(request.time_stamp) and not _is_time_stamp(request.time_stamp):
        yield "time_stamp must be a UTC time as yyyyMMddHHmmss"
    if int(request.terminal) not in _TERMINALS | {0}:
        yield "terminal is not a known terminal"


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
