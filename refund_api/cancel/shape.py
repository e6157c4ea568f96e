"""The shape of a request: which members are missing or malformed.

Also turns contract words into domain words, once the shape is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from xml_contracts.reading import Problem, Reading
from xml_contracts.refund import Terminal, TicketRefundRequest

from ..domain import Cancellation
from ..rules import ShapeFault
from ..signing.time_stamp import read_time_stamp

MAX_ORDER_NUMBER: Final = 64
MAX_REASON: Final = 500
MAX_PASSENGERS: Final = 64

_TERMINALS = frozenset(int(terminal) for terminal in Terminal)
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # PostgreSQL takes no NUL, UTF-8 no lone surrogate


def binding_problems(reading: Reading[TicketRefundRequest]) -> Iterator[Problem]:
    """What the formatter could not read."""
    if reading.value is None and not reading.errors:
        yield Problem(None, ShapeFault.NO_REQUEST)
    yield from reading.errors


def shape_problems(request: TicketRefundRequest) -> Iterator[Problem]:
    """Which members are missing or malformed."""
    for member in ("order_number", "refund_passanger_ids", "time_stamp", "sign"):
        if _is_blank(getattr(request, member)):
            yield Problem(member, ShapeFault.MISSING)
    for member in ("random", "terminal"):
        if getattr(request, member) == 0:
            yield Problem(member, ShapeFault.MISSING)
    for member in ("order_number", "refund_passanger_ids", "refund_reason", "time_stamp", "sign"):
        if _UNSTORABLE.search(getattr(request, member) or ""):
            yield Problem(member, ShapeFault.NOT_TEXT)
    if len(request.order_number or "") > MAX_ORDER_NUMBER:
        yield Problem("order_number", ShapeFault.TOO_LONG, (MAX_ORDER_NUMBER,))
    if len(request.refund_reason or "") > MAX_REASON:
        yield Problem("refund_reason", ShapeFault.TOO_LONG, (MAX_REASON,))
    if not _is_blank(request.refund_passanger_ids) and not _are_passenger_ids(request.refund_passanger_ids):
        yield Problem("refund_passanger_ids", ShapeFault.NOT_PASSENGER_IDS, (MAX_PASSENGERS,))
    if not _is_blank(request.time_stamp) and not _is_time_stamp(request.time_stamp):
        yield Problem("time_stamp", ShapeFault.NOT_A_TIME)
    if int(request.terminal) not in _TERMINALS | {0}:
        yield Problem("terminal", ShapeFault.UNKNOWN_TERMINAL)


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
