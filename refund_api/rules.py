"""Whether a request is as the rules of its contract demand, for the request contract of any action.

The rules are declared with the members (xml_contracts.Rule). Clients read the faults in a fixed order: missing texts,
missing numbers, characters that no database takes, texts too long, texts of another form, numbers that are undefined.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import IntEnum
from functools import cache
from typing import Any, Final

from xml_contracts.contract import Member, contract_of
from xml_contracts.declare import Pattern
from xml_contracts.reading import Problem, Reading, Reason
from xml_contracts.refund import BaseRequest

from .signing.time_stamp import read_time_stamp

_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")  # PostgreSQL takes no NUL, UTF-8 no lone surrogate
_GUID: Final = re.compile(Pattern.GUIDS.value)


class ShapeFault(Reason):
    """A member is not as the action needs it. The arguments are in brackets."""

    NO_REQUEST = "there is no request in the body"
    MISSING = "missing"
    NOT_TEXT = "a character that is not text"
    TOO_LONG = "too long"  # (how many characters it may have)
    NOT_GUIDS = "not GUIDs separated by commas"  # (how many there may be)
    NOT_A_TIME = "not a UTC time as yyyyMMddHHmmss"
    UNDEFINED = "not a value that is defined"  # (name of the member)


Check = Callable[[Any, Member], Problem | None]


def reading_problems(reading: Reading[Any]) -> Iterator[Problem]:
    """What could not be read; a request without content is a problem too."""
    if reading.value is None and not reading.errors:
        yield Problem(None, ShapeFault.NO_REQUEST)
    yield from reading.errors


def broken_rules(request: BaseRequest) -> Iterator[Problem]:
    """Which members are missing or malformed."""
    cls: type = type(request)
    for check, member in _checks(cls):
        problem = check(getattr(request, member.attribute), member)
        if problem is not None:
            yield problem


def items_of(text: str | None) -> list[str]:
    """The items of a list: blanks around an item are dropped, letters are lower case."""
    return [part.strip().lower() for part in (text or "").split(",")]


@cache
def _checks(cls: type) -> tuple[tuple[Check, Member], ...]:
    """Every check of a contract with the member that it is for, in the order in which clients read the faults."""
    members = contract_of(cls).declared
    texts = [m for m in members if m.type is str]
    numbers = sorted((m for m in members if m.type is not str), key=lambda m: m.name)
    return (
        *((_missing_text, m) for m in texts if m.rule.needed),
        *((_missing_number, m) for m in numbers if m.rule.needed),
        *((_not_text, m) for m in texts),
        *((_too_long, m) for m in texts if m.rule.max_length is not None),
        *((_PATTERNS[m.rule.pattern], m) for m in texts if m.rule.pattern is not None),
        *((_undefined, m) for m in numbers if m.rule.needed and issubclass(m.type, IntEnum)),
    )


def _missing_text(value: str | None, member: Member) -> Problem | None:
    return Problem(member.name, ShapeFault.MISSING) if _is_blank(value) else None


def _missing_number(value: int, member: Member) -> Problem | None:
    return Problem(member.name, ShapeFault.MISSING) if value == 0 else None


def _not_text(value: str | None, member: Member) -> Problem | None:
    return Problem(member.name, ShapeFault.NOT_TEXT) if value and _UNSTORABLE.search(value) else None


def _too_long(value: str | None, member: Member) -> Problem | None:
    limit = member.rule.max_length or 0
    return Problem(member.name, ShapeFault.TOO_LONG, (limit,)) if len(value or "") > limit else None


def _not_guids(value: str | None, member: Member) -> Problem | None:
    limit = member.rule.max_items or 0
    items = items_of(value)
    if _is_blank(value) or (all(map(_GUID.fullmatch, items)) and len(set(items)) <= limit):
        return None
    return Problem(member.name, ShapeFault.NOT_GUIDS, (limit,))


def _not_a_time(value: str | None, member: Member) -> Problem | None:
    try:
        if not _is_blank(value):
            read_time_stamp(value or "")
    except ValueError:
        return Problem(member.name, ShapeFault.NOT_A_TIME)
    return None


def _undefined(value: int, member: Member) -> Problem | None:
    if value == 0 or int(value) in _defined(member.type):
        return None
    return Problem(member.name, ShapeFault.UNDEFINED, (member.name,))


@cache
def _defined(enum: type[IntEnum]) -> frozenset[int]:
    """The numbers that an enum has a name for."""
    return frozenset(map(int, enum))


def _is_blank(text: str | None) -> bool:
    return not text or text.isspace()


_PATTERNS: Final[dict[Pattern, Check]] = {Pattern.GUIDS: _not_guids, Pattern.UTC_TIME: _not_a_time}
