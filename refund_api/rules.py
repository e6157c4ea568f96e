"""Whether a request is as the rules of its contract demand, for the request contract of any action.

The rules are declared with the members (xml_contracts.Rule). Clients read the faults in a fixed order: missing texts,
missing numbers, characters that no database takes, texts too long, texts of another form, numbers that are undefined.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import IntEnum
from functools import cache
from operator import attrgetter, not_
from typing import Any, Final, NamedTuple, cast

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


class _Check(NamedTuple):
    """One rule for one member: `problem` is the fault where `is_broken(value_of(request))`."""

    is_broken: Callable[[Any], object]
    value_of: Callable[[Any], Any]
    problem: Problem


def reading_problems(reading: Reading[Any]) -> Iterator[Problem]:
    """What could not be read; a request without content is a problem too."""
    if reading.value is None and not reading.errors:
        yield Problem(None, ShapeFault.NO_REQUEST)
    yield from reading.errors


def broken_rules(request: BaseRequest) -> list[Problem]:
    """Which members are missing or malformed."""
    cls: type = type(request)
    return [problem for is_broken, value_of, problem in _checks(cls) if is_broken(value_of(request))]


def items_of(text: str | None) -> list[str]:
    """The items of a list: blanks around an item are dropped, letters are lower case."""
    return [part.strip().lower() for part in (text or "").split(",")]


@cache
def _checks(cls: type) -> tuple[_Check, ...]:
    """Every check of a contract, in the order in which clients read the faults."""
    members = contract_of(cls).declared
    texts = [m for m in members if m.type is str]
    numbers = sorted((m for m in members if m.type is not str), key=lambda m: m.name)
    return (
        *(_check(_is_blank, m, ShapeFault.MISSING) for m in texts if m.rule.needed),
        *(_check(not_, m, ShapeFault.MISSING) for m in numbers if m.rule.needed),
        *(_check(_is_not_text, m, ShapeFault.NOT_TEXT) for m in texts),
        *(_length_check(m, m.rule.max_length) for m in texts if m.rule.max_length is not None),
        *(_PATTERN_CHECKS[m.rule.pattern](m) for m in texts if m.rule.pattern is not None),
        *(_enum_check(m) for m in numbers if m.rule.needed and issubclass(m.type, IntEnum)),
    )


def _check(is_broken: Callable[[Any], object], member: Member, fault: ShapeFault, *arguments: str | int) -> _Check:
    return _Check(is_broken, attrgetter(member.attribute), Problem(member.name, fault, arguments))


def _is_blank(text: str | None) -> bool:
    return not text or text.isspace()


def _is_not_text(text: str | None) -> object:
    return text and _UNSTORABLE.search(text)


def _length_check(member: Member, limit: int) -> _Check:
    return _check(lambda text: text and len(text) > limit, member, ShapeFault.TOO_LONG, limit)


def _guids_check(member: Member) -> _Check:
    limit = member.rule.max_items or 0

    def are_not_guids(text: str | None) -> bool:
        items = items_of(text)
        return not ((all(map(_GUID.fullmatch, items)) and len(set(items)) <= limit) or _is_blank(text))

    return _check(are_not_guids, member, ShapeFault.NOT_GUIDS, limit)


def _time_check(member: Member) -> _Check:
    return _check(_is_not_a_time, member, ShapeFault.NOT_A_TIME)


def _is_not_a_time(text: str | None) -> bool:
    try:
        read_time_stamp(text or "")
    except ValueError:
        return not _is_blank(text)
    return False


def _enum_check(member: Member) -> _Check:
    enum = cast(type[IntEnum], member.type)
    defined = {0, *map(int, enum)}  # 0 is told as missing
    return _check(lambda number: int(number) not in defined, member, ShapeFault.UNDEFINED, member.name)


_PATTERN_CHECKS: Final = {Pattern.GUIDS: _guids_check, Pattern.UTC_TIME: _time_check}
