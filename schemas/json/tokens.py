"""JSON text -> values, strictly RFC 8259, with what Json.NET still sees in them.

Objects are tuples of pairs (Json.NET assigns every duplicate), arrays lists, numbers their raw text. Where RFC 8259 is
silent, Json.NET 11.0.2 decides (wire-facts 6.2, 6.8, 6.11).

What is difficult: a STOP. A stop is a token on which Json.NET's reader (JsonTextReader) throws although it is RFC 8259:
a number that a double or a BigInteger cannot hold, and a container on level 257. The serializer's error handler gets
past the first stop in a member; a second one ends the read. So whoever takes or passes over a value must know how many
stops are in it (`count_stops`); two and more are alike. `$id` may lead into an object inside, so the model has a level
of its own (`Model`).

Numbers are easy: they keep their text and are asked (`stops_reader`). Depth is not: Python's parser recurses, and a
body can hold 30,000 levels. So text with many brackets is first made shallow (`_cut_deep`). One scan keeps the depth,
and wherever the way down crosses a multiple of MAX_PARSED levels, a container is cut out and leaves a value behind that
has as many stops. No model is that deep. There may be thousands of small containers, so all of them are parsed at once,
as one list: a syntax error is found wherever it is. What is left has at most MAX_PARSED levels.
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect
from typing import Any, Final, NamedTuple, NoReturn

from xml_contracts.errors import DocumentError

from ..reasons import JsonFault
from .dates import is_date

Pairs = tuple[tuple[str, Any], ...]

MAX_DEPTH: Final = 256
MAX_PARSED: Final = 2 * MAX_DEPTH  # levels that Python's parser gets to see
MAX_INTEGER_CHARS: Final = 380

# Brackets inside strings do not count. A string left open runs to the end.
_STRING = re.compile(r'("[^"\\]*+(?:\\.[^"\\]*+)*+"?)', re.DOTALL)
# Values with no stop, one and two; more than two change nothing.
_WITH_STOPS: Final = ("null", "1e999", "[1e999,1e999]")
# Where a number may be that no double holds, or no BigInteger: with fewer digits, it is below 1e300. Strings are blank.
_MAYBE_LARGE: Final = re.compile(
    r"[-0-9](?<![-+.0-9eE].)"
    r"(?:[0-9]*+(?:\.[0-9]++)?[eE]\+?0*+[1-9][0-9]{2}[0-9]*+|[0-9]{199,}+(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?)"
)
_SQUARE: Final = str.maketrans("{}", "[]")
_EMPTY: Final = ("[]", "{}")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class Integer(str):
    """A number without fraction and exponent, as it was sent."""

    __slots__ = ()

    @property
    def stops_reader(self) -> bool:
        """Json.NET stops at an integer of more than 380 characters (JsonTextReader.ParseNumber)."""
        return len(self) > MAX_INTEGER_CHARS


class Real(str):
    """A number with a fraction or an exponent, as it was sent."""

    __slots__ = ()

    @property
    def stops_reader(self) -> bool:
        """Json.NET stops at a number too large for a double, which is never infinity (wire-facts 11.11)."""
        return math.isinf(float(self))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=tuple, parse_int=Integer, parse_float=Real, parse_constant=_refuse_constant
)


def read_tokens(text: str) -> Any:
    """The root value of non-blank text; DocumentError where it is not RFC 8259."""
    if text.count("[") + text.count("{") > MAX_DEPTH:
        text = _cut_deep(text)
    return _read_shallow(text)


def _read_shallow(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except ValueError as error:
        if isinstance(error, json.JSONDecodeError):
            raise DocumentError(JsonFault.NOT_JSON_AT, error.pos) from None
        raise DocumentError(JsonFault.NOT_JSON) from None


def _cut_deep(text: str) -> str:
    """The text without what is below MAX_PARSED. DocumentError: it is not RFC 8259."""
    brackets = _brackets(text)
    large: list[int] | None = None  # looked for when the first container is cut out
    containers: list[str] = []
    around: list[list[str]] = [[]]  # what is left of the text, and of every container around that is cut out
    starts: list[int] = []  # of these containers
    done, depth, floor = 0, 0, MAX_PARSED  # what begins at the depth `floor` is cut out
    for position, char in enumerate(brackets):
        if char == "[":
            if depth == floor:
                is_empty = text.startswith(_EMPTY, position)
                around[-1] += text[done:position], _WITH_STOPS[0]
                done = position + 2 if is_empty else position
                if not is_empty:
                    large = _large_numbers(brackets) if large is None else large
                    starts.append(position)
                    around.append([])
                    floor += MAX_PARSED
            depth += 1
        elif char == "]":
            depth -= 1
            if depth and depth == floor - MAX_PARSED:
                containers.append("".join(around.pop()) + text[done : position + 1])
                done, floor = position + 1, depth
                start = starts.pop()
                if large:
                    around[-1][-1] = _WITH_STOPS[min(2, bisect(large, position) - bisect(large, start))]
            if depth < 0:
                break
    if depth:
        raise DocumentError(JsonFault.UNBALANCED)
    if containers:
        _read_shallow(f"[{','.join(containers)}]")
    return "".join(around[0]) + text[done:]


def _large_numbers(text: str) -> list[int]:
    """Where the numbers begin that stop the reader. In the text, strings are blank."""
    return [
        match.start()
        for match in _MAYBE_LARGE.finditer(text)
        if (Integer if match[0].lstrip("-").isdigit() else Real)(match[0]).stops_reader
    ]


def _brackets(text: str) -> str:
    """As long as the text: strings are blank, every bracket is `[` or `]`, numbers are there."""
    pieces = _STRING.split(text)
    pieces[1::2] = [" " * len(string) for string in pieces[1::2]]
    return "".join(pieces).translate(_SQUARE)


def count_stops(value: Any, level: int) -> int:
    """How often Json.NET's reader stops while it passes over this value, which is on the level given."""
    stops = 0
    values = [value]
    while values:  # maybe thousands, so the exact types are asked; there are no others
        inside: list[Any] = []
        containers = 0
        for value in values:
            kind = type(value)
            if kind is Real or kind is Integer:
                stops += value.stops_reader
            elif kind is list:
                containers += 1
                inside += value
            elif kind is tuple:
                containers += 1
                inside += [member for _, member in value]
        if level == MAX_DEPTH + 1:  # JsonReader.Push stops once and reads on (wire-facts 6.11)
            stops += containers
        values = inside
        level += 1
    return stops


def replace_lone_surrogates(text: str) -> str:
    """JsonTextReader.ReadStringIntoBuffer: every lone surrogate escape is U+FFFD (wire-facts 6.4)."""
    return _SURROGATE.sub("\ufffd", text)


class Model(NamedTuple):
    """What the reader takes for the model: its members, and the level of the object that has them; the root is on 1."""

    members: Pairs
    level: int


def past_metadata(pairs: Pairs, level: int = 1) -> Model | None:
    """The members behind `$id`, `$type` and a null `$ref`; None for any other `$ref`, which names no known object.

    JsonSerializerInternalReader.ReadMetadataProperties (wire-facts 6.2). DocumentError: it would throw.
    """
    for index, (name, value) in enumerate(pairs):
        if name == "$ref":
            if value is not None:
                _check_reference(pairs[index:])
                return None
        elif name == "$id" and isinstance(value, tuple) and level < MAX_DEPTH:
            return past_metadata(value, level + 1)  # the reader is inside that object now, and takes it for the model
        elif name in ("$id", "$type"):
            if isinstance(value, list | tuple) or count_stops(value, level) or (name, value) == ("$type", None):
                raise DocumentError(JsonFault.NOT_TEXT, member=name)
        elif name == "$values":
            raise DocumentError(JsonFault.VALUES_OF_A_LIST)
        else:
            return Model(pairs[index:], level)
    return Model((), level)


def _check_reference(pairs: Pairs) -> None:
    value = pairs[0][1]
    if not isinstance(value, str) or isinstance(value, Integer | Real) or is_date(value):
        raise DocumentError(JsonFault.REFERENCE_IS_NO_TEXT)
    if len(pairs) > 1:
        raise DocumentError(JsonFault.REFERENCE_IS_NOT_ALONE)
