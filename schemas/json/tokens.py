"""JSON text -> values, strictly RFC 8259, with what Json.NET still sees in them.

Objects are tuples of pairs (Json.NET assigns every duplicate), arrays lists, numbers their raw text. Where RFC 8259 is
silent, Json.NET 11.0.2 decides (wire-facts 6.2, 6.8, 6.11).

What is difficult: a STOP. A stop is a token on which Json.NET's reader (JsonTextReader) throws although it is RFC 8259:
a number that a double or a BigInteger cannot hold, and a container on level 257. The serializer's error handler gets
past the first stop in a member; a second one ends the read. So whoever takes or passes over a value must know how many
stops are in it, and no more than that: 0, 1, or 2 for two and more (`count_stops`).

Numbers are easy: they keep their text and are asked (`stops_reader`). Depth is not: Python's parser recurses, and a
body can hold 30,000 levels. So text with more than MAX_DEPTH brackets is first made shallow (`_cut_deep`). One scan
keeps the depth, and wherever the way down crosses a multiple of MAX_DEPTH levels, a container is cut out. There may be
thousands of small ones, so all of them are parsed at once, as one list: a syntax error is found wherever it is. Their
stops are added up where they are of the same member, which is inside of a list, and deeper than any object that could
be the model. The first gap there gets a value with as many stops; the others, and those below, get null. What is left
has at most MAX_DEPTH levels.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, NamedTuple, NoReturn

from xml_contracts.errors import DocumentError

from ..reasons import JsonFault
from .dates import is_date

Pairs = tuple[tuple[str, Any], ...]

MAX_DEPTH: Final = 256
MAX_INTEGER_CHARS: Final = 380

# Brackets inside strings do not count. A string left open runs to the end.
_STRING = re.compile(r'("[^"\\]*+(?:\\.[^"\\]*+)*+"?)', re.DOTALL)
# What replaces a container that was cut out, by its stops: null has none, 1e999 is one because no double holds it. More
# than two change nothing.
_WITH_STOPS: Final = (" null ", " 1e999 ", " [1e999,1e999] ")
# Wherever a number is that no double holds, or no BigInteger; the exponents of small ones match too.
_LARGE: Final = re.compile(r"[0-9][eE]|[0-9]{309}")
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
    """The text without what is below MAX_DEPTH, where JsonReader.Push stops once and reads on (wire-facts 6.11)."""
    deepest_model = _deepest_model(text)
    gaps = _Gaps([], [], [], [])
    containers, places, firsts, stops = gaps
    around: list[list[str]] = [[]]  # what is left of the text, and of every container around that is cut out
    done, depth, floor = 0, 0, MAX_DEPTH  # what begins at the depth `floor` is cut out
    outermost, shares_gap = 0, False  # the depth of the container whose insides share a gap, 0 outside of any
    for position, char in enumerate(_brackets(text)):
        if char == "[":
            if depth == floor:
                is_empty = text.startswith(_EMPTY, position)
                is_alone = is_empty and depth == MAX_DEPTH and not outermost  # its one stop is known now
                if depth == MAX_DEPTH and not is_alone:
                    if not shares_gap:
                        places.append(len(around[0]) + 1)
                        firsts.append(len(containers))
                        stops.append(0)
                        shares_gap = True
                    stops[-1] += 1
                around[-1] += text[done:position], _WITH_STOPS[is_alone]
                done = position + 2 if is_empty else position
                if not is_empty:
                    around.append([])
                    floor += MAX_DEPTH
            depth += 1
            if not outermost and (depth > deepest_model or text[position] == "["):
                outermost = depth
        elif char == "]":
            depth -= 1
            if depth and depth == floor - MAX_DEPTH:
                containers.append("".join(around.pop()) + text[done : position + 1])
                done, floor = position + 1, depth
            if depth < outermost:
                outermost, shares_gap = 0, False
            if depth < 0:
                break
    if depth:
        raise DocumentError(JsonFault.UNBALANCED)
    return "".join(_filled(around[0], gaps)) + text[done:]


def _deepest_model(text: str) -> int:
    """A level below which the model cannot be: it is the root, unless `$id`, maybe with escapes in it, leads inside."""
    return min(MAX_DEPTH, 1 + text.count("$id") + text.count("\\"))


class _Gaps(NamedTuple):
    """What is cut out of a text, the containers of one gap after those of the other."""

    containers: list[str]
    places: list[int]  # where each gap is in what is left
    firsts: list[int]  # the first container of each gap
    stops: list[int]  # of each gap: one for every container on level 257


def _filled(left: list[str], gaps: _Gaps) -> list[str]:
    """A value with as many stops in every gap. DocumentError: a container is not RFC 8259."""
    text = f"[{','.join(gaps.containers)}]"
    values = _read_shallow(text)
    may_stop = _LARGE.search(text)
    lasts = [*gaps.firsts, len(values)][1:]
    for place, first, last, stops in zip(gaps.places, gaps.firsts, lasts, gaps.stops, strict=True):
        if stops == 1 and may_stop:
            stops += count_stops(values[first:last])
        left[place] = _WITH_STOPS[stops if stops < 2 else 2]
    return left


def _brackets(text: str) -> str:
    """As long as the text: strings are blank, every bracket is `[` or `]`."""
    pieces = _STRING.split(text)
    pieces[1::2] = [" " * len(string) for string in pieces[1::2]]
    return "".join(pieces).translate(_SQUARE)


def count_stops(value: Any) -> int:
    """How often Json.NET's reader stops while it passes over this value."""
    stops = 0
    values = [value]
    while values:  # maybe thousands, so the exact types are asked; there are no others
        value = values.pop()
        kind = type(value)
        if kind is Real or kind is Integer:
            stops += value.stops_reader
        elif kind is list:
            values += value
        elif kind is tuple:
            values += [member for _, member in value]
    return stops


def replace_lone_surrogates(text: str) -> str:
    """JsonTextReader.ReadStringIntoBuffer: every lone surrogate escape is U+FFFD (wire-facts 6.4)."""
    return _SURROGATE.sub("\ufffd", text)


def past_metadata(pairs: Pairs) -> Pairs | None:
    """The members behind `$id`, `$type` and a null `$ref`; None for any other `$ref`, which names no known object.

    JsonSerializerInternalReader.ReadMetadataProperties (wire-facts 6.2). DocumentError: it would throw.
    """
    for index, (name, value) in enumerate(pairs):
        if name == "$ref":
            if value is not None:
                _check_reference(pairs[index:])
                return None
        elif name == "$id" and isinstance(value, tuple):
            return past_metadata(value)  # the reader is inside that object now, and takes it for the model
        elif name in ("$id", "$type"):
            if isinstance(value, list | tuple) or count_stops(value) or (name, value) == ("$type", None):
                raise DocumentError(JsonFault.NOT_TEXT, member=name)
        elif name == "$values":
            raise DocumentError(JsonFault.VALUES_OF_A_LIST)
        else:
            return pairs[index:]
    return ()


def _check_reference(pairs: Pairs) -> None:
    value = pairs[0][1]
    if not isinstance(value, str) or isinstance(value, Integer | Real) or is_date(value):
        raise DocumentError(JsonFault.REFERENCE_IS_NO_TEXT)
    if len(pairs) > 1:
        raise DocumentError(JsonFault.REFERENCE_IS_NOT_ALONE)
