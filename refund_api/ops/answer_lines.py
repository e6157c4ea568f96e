"""The sink that writes one log line for every answer.

Who reads logs may read less than who reads the database. So a line has the fields that are named here and no other:
never a sign, a key, a reason or a body, and passengers only as a number. What a client sent shows in the number of its
order, which is checked, and in the names of members that the contract does not have. A name is told when it is one
short word: a body that is read in the wrong format is one long name. In a form no name is told, because an `&` that
a client did not escape makes a name of a piece of a value.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, fields
from typing import Any, Final, get_args

from xml_contracts.reading import Problem, Skipped

from .. import words
from ..events import Broken, Event, Happening, InvalidRequest, LedgerAway, SignatureRejected
from . import logging_setup
from .line import make_line

_log = logging.getLogger(__name__)

FIELDS: Final = {
    "order_number": "order",
    "refund_id": "refund",
    "passengers": "passengers",
    "terminal": "terminal",
    "kid": "kid",
    "cause": "cause",
    "reason": "cause",
    "attempts": "attempts",
}
"""Attribute of what happened -> field of the line."""

_LEVELS: Final = {SignatureRejected: logging.WARNING, LedgerAway: logging.ERROR, Broken: logging.ERROR}
"""All others are INFO."""

_ONE_WORD = re.compile(r"[A-Za-z_]{1,40}")
_MOST_PROBLEMS: Final = 10


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a class of happenings is told: its name and level, and (attribute, field) for each that it has."""

    name: str
    level: int
    told: tuple[tuple[str, str], ...]


def name_of(happening: type[Any]) -> str:
    """`RefundRecorded` -> `refund_recorded`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", happening.__name__).lower()


def _kind(happening: type[Any]) -> _Kind:
    told = tuple((field.name, FIELDS[field.name]) for field in fields(happening) if field.name in FIELDS)
    return _Kind(name_of(happening), _LEVELS.get(happening, logging.INFO), told)


_KINDS: Final = {happening: _kind(happening) for happening in get_args(Happening)}


def log_answer(event: Event) -> None:
    """Write the line of an answer, or hand it to the thread that writes lines."""
    happening = event.happening
    kind = _KINDS[type(happening)]
    level = logging.WARNING if getattr(happening, "nonce_conflict", False) else kind.level
    if not _log.isEnabledFor(level):
        return
    if isinstance(happening, Broken):
        _log.log(level, kind.name, exc_info=happening.error, extra={"fields": fields_of(event)})
    elif logging_setup.installed is not None:
        logging_setup.installed.put(make_line(event.answered_at, level, kind.name, fields_of(event)))


def fields_of(event: Event) -> dict[str, Any]:
    """The fields of its line, in the order in which they are shown."""
    told: dict[str, Any] = {"status": event.status}
    if event.code is not None:
        told["code"] = event.code
    happening = event.happening
    for attribute, field in _KINDS[type(happening)].told:
        value = getattr(happening, attribute)
        if value is not None:
            told[field] = value
    if getattr(happening, "nonce_conflict", False):
        told["nonce_conflict"] = True
    if isinstance(happening, SignatureRejected) and happening.clock_difference is not None:
        told["clock_off_seconds"] = happening.clock_difference.total_seconds()
    if isinstance(happening, InvalidRequest):
        told["problems"] = _problems_in_words(happening.problems)
    if event.skipped:
        told["skipped"] = _skipped_in_words(event.skipped, names=event.read_format != "form")
    if event.read_format is not None:
        told["read"] = event.read_format
    context = event.context
    told["write"] = event.write_format
    told["milliseconds"] = round(event.milliseconds, 1)
    told["source"] = context.source
    told["request_id"] = context.request_id
    told["traceparent"] = context.traceparent
    return told


def _problems_in_words(problems: tuple[Problem, ...]) -> str:
    """Members and reasons, without the text that was refused."""
    parts = [
        f"{problem.member}: {problem.reason.value}" if _is_one_word(problem.member) else str(problem.reason.value)
        for problem in problems[:_MOST_PROBLEMS]
    ]
    if left_out := len(problems) - len(parts):
        parts.append(f"and {left_out} more")
    return "; ".join(parts)


def _skipped_in_words(skipped: tuple[Problem, ...], *, names: bool) -> str:
    """Members and reasons; of unknown members the names that may be told, and how many others there were."""
    told, others = [], 0
    for problem in skipped:
        if problem.reason is Skipped.MORE_UNKNOWN:
            others += int(problem.arguments[0])
        elif problem.reason is Skipped.UNKNOWN and not (names and _is_one_word(problem.member)):
            others += 1
        else:
            told.append(problem)
    parts = [words.ignored_in_words(told)] if told else []
    if others:
        parts.append(f"{others} unknown")
    return "; ".join(parts)


def _is_one_word(name: str | None) -> bool:
    return name is not None and _ONE_WORD.fullmatch(name) is not None
