"""JSON text -> values, strictly RFC 8259, with what Json.NET still sees in them.

Objects are tuples of pairs (Json.NET assigns every duplicate), arrays lists, numbers their raw text. Where RFC 8259 is
silent, Json.NET 11.0.2 decides (wire-facts 6.2, 6.8, 6.11).

What is difficult: a STOP. A stop is a token on which Json.NET's reader (JsonTextReader) throws although it is RFC 8259:
a number that a double or a BigInteger cannot hold, and a container on level 257. The serializer's error handler gets
past the first stop in a member; a second one ends the read. So whoever takes or passes over a value must know how many
stops are in it, and no more than that: 0, 1, or 2 for two and more (`count_stops`).

Numbers are easy: they keep their text and are asked (`stops_reader`). Depth is not: Python's parser recurses, and a
body can hold 30,000 levels. So text with more than MAX_DEPTH brackets is first made shallow (`_cut_deep`). It is cut
into layers of MAX_DEPTH levels each: one scan keeps the depth, strings blanked out, and on every way down through a
multiple of MAX_DEPTH levels a container begins in the next layer, and leaves a gap in this one. Then the layers are
parsed, the deepest first, each as one list of all its containers, because there may be thousands of small ones. So a
syntax error is found wherever it is, and every gap gets a value with as many stops as its container has. What is left
is the first layer, which has at most MAX_DEPTH levels.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, NoReturn

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
    layers = _layers(text)
    stops: list[int] = []
    for number, layer in reversed(list(enumerate(layers[1:]))):
        containers = _read_shallow(f"[{_filled(layer, stops)[:-1]}]")
        own = 1 if number == 0 else 0
        stops = [own + count_stops(container) for container in containers]
    return _filled(layers[0], stops)


def _layers(text: str) -> list[list[str | None]]:
    """The pieces of each layer, with None for a gap; below the first layer a comma follows every container."""
    layers: list[list[str | None]] = [[]]
    layer = layers[0]
    done = depth = 0
    for position, char in enumerate(_without_strings(text)):
        if char in "[{":
            if depth and depth % MAX_DEPTH == 0:
                layer += text[done:position], None
                if depth // MAX_DEPTH == len(layers):
                    layers.append([])
                layer = layers[depth // MAX_DEPTH]
                done = position
            depth += 1
        elif char in "]}":
            depth -= 1
            if depth < 0:
                break
            if depth and depth % MAX_DEPTH == 0:
                layer += text[done : position + 1], ","
                layer = layers[depth // MAX_DEPTH - 1]
                done = position + 1
    if depth:
        raise DocumentError(JsonFault.UNBALANCED)
    layer.append(text[done:])
    return layers


def _without_strings(text: str) -> str:
    """As long as the text; the pieces between two strings are left alone, the strings are blank."""
    pieces = _STRING.split(text)
    pieces[1::2] = [" " * len(string) for string in pieces[1::2]]
    return "".join(pieces)


def _filled(layer: list[str | None], stops: list[int]) -> str:
    """The text of a layer, in every gap a value with as many stops as its container has."""
    gaps = iter(stops)
    return "".join([_WITH_STOPS[min(next(gaps), 2)] if piece is None else piece for piece in layer])


def count_stops(value: Any) -> int:
    """How often Json.NET's reader stops while it passes over this value."""
    stops = 0
    values = [value]
    while values:
        value = values.pop()
        kind = type(value)
        if kind is Integer or kind is Real:
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
