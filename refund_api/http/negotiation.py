"""Content negotiation: header values in, `Negotiated` out; pure, and it never refuses.

The rule is .NET's, not the RFC's: a header line is read whole or not at all, and q=0 excludes nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cmp_to_key, lru_cache, partial
from typing import Final, NamedTuple

from .media import Formatter, MediaType

Header = str | None
"""The raw value of a header, decoded as Latin-1; None when there is none."""

CHARSETS: Final = ("utf-8", "utf-16")
OCTET_STREAM: Final = MediaType("application", "octet-stream")
XHR_TYPE: Final = MediaType("application", "json")

# HttpRuleParser: a quoted pair needs one more character behind it, so `"\"` at the very end is a whole string.
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_QUOTED = r'"(?>\\[\x00-\x7f](?=.)|[^"])*+"'
_PARAMETER = rf";[ \t]*+({_TOKEN})[ \t]*+(?:=[ \t]*+({_TOKEN}|{_QUOTED})[ \t]*+)?+"
_MEDIA_TYPE = re.compile(rf"({_TOKEN})[ \t]*+/[ \t]*+({_TOKEN})[ \t]*+((?:{_PARAMETER})*+)(?=,|\Z)", re.DOTALL)
_PARAMETERS = re.compile(_PARAMETER, re.DOTALL)
# StringWithQualityHeaderValue: nothing but one q may follow the name, and one above 1 is unreadable.
_UP_TO_ONE = r"0*+1(?:\.0*+)?+|0++(?:\.[0-9]*+)?+"
_CHARSET = re.compile(rf"({_TOKEN})[ \t]*+(?:;[ \t]*+[qQ][ \t]*+=[ \t]*+({_UP_TO_ONE})[ \t]*+)?+(?=,|\Z)")
_LINE_ENDS = re.compile(r"(?<![ \t]),(?![ \t])")
_QUALITY = re.compile(r"[0-9]++\.?[0-9]*+|\.[0-9]++")
# Double.TryParse knows three words, whatever NumberStyles says.
_QUALITY_WORDS: Final = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}

MAPPED, LITERAL, SUBTYPE_RANGE, ALL_RANGE, REQUEST_TYPE, ANY_TYPE = range(6)

LONGEST_REMEMBERED: Final = 512


@dataclass(frozen=True, slots=True)
class Negotiated:
    """Who reads the request and who writes the answer; `sent` is its Content-Type, None where none can be read."""

    reader: Formatter | None
    read_charset: str
    writer: Formatter
    media_type: str
    write_charset: str
    sent: MediaType | None


class _Match(NamedTuple):
    rank: int
    quality: float
    formatter: Formatter
    media_type: MediaType


class _Accepted(NamedTuple):
    media_type: MediaType
    rank: int
    quality: float


def negotiate(
    content_type: Header,
    accept: Header,
    accept_charset: Header,
    x_requested_with: Header,
    formatters: tuple[Formatter, ...],
) -> Negotiated:
    """Choose reader, writer and charsets from the raw header values; the order of `formatters` breaks ties."""
    sent = read_media_type(content_type or "")
    sent_charset = _supported_charset((sent and sent.parameters.get("charset")) or "")
    accepted = _accepted_types(accept or "")
    by_xhr = _is_xhr(accepted, x_requested_with or "")
    writers = [formatter for formatter in formatters if formatter.write is not None]
    written = _select([_match(formatter, by_xhr, accepted, sent) for formatter in writers])
    return Negotiated(
        reader=_find_reader(sent or OCTET_STREAM, formatters),
        read_charset=sent_charset,
        writer=written.formatter,
        media_type=str(written.media_type),
        write_charset=_accepted_charset(accept_charset or "") or sent_charset,
        sent=sent,
    )


def negotiator(formatters: tuple[Formatter, ...]) -> Callable[[Header, Header, Header, Header], Negotiated]:
    """`negotiate` for these formatters, remembering the short headers that clients repeat."""
    fresh = partial(negotiate, formatters=formatters)
    remembered = lru_cache(maxsize=1024)(fresh)

    def recall(*headers: Header) -> Negotiated:
        short = sum(len(header) for header in headers if header) <= LONGEST_REMEMBERED
        return (remembered if short else fresh)(*headers)

    return recall


def read_media_type(text: str) -> MediaType | None:
    """MediaTypeHeaderValue.TryParse: one value, no separators; None for what .NET cannot read."""
    found = _MEDIA_TYPE.match(text, _skip(" \t", text, 0))
    return _media_type(found) if found and found.end() == len(text) else None


def _media_type(found: re.Match[str]) -> MediaType:
    parameters: dict[str, str | None] = {}
    for name, value in _PARAMETERS.findall(found[3]):
        parameters.setdefault(name.lower(), value or None)  # NameValueHeaderValue.Find: the first one
    return MediaType(found[1], found[2], parameters)


def _read_list(text: str, element: re.Pattern[str]) -> list[re.Match[str]]:
    """Every element of a list header; one bad element voids its line (wire-facts 2.11).

    Servers join repeated lines by a bare comma, so what is void as a whole is tried line by line.
    """
    elements = _read_line(text, element)
    if elements is None:
        elements = [found for line in _LINE_ENDS.split(text) for found in _read_line(line, element) or ()]
    return elements


def _read_line(line: str, element: re.Pattern[str]) -> list[re.Match[str]] | None:
    elements = []
    position = _skip(" \t,", line, 0)
    while position < len(line):
        found = element.match(line, position)
        if found is None:
            return None
        elements.append(found)
        position = _skip(" \t,", line, found.end())
    return elements


def _skip(characters: str, text: str, position: int) -> int:
    while position < len(text) and text[position] in characters:
        position += 1
    return position


def _accepted_types(text: str) -> list[_Accepted]:
    """By quality, then literal before `type/*` before `*/*`; otherwise as sent (wire-facts 2.4)."""
    types = [_media_type(found) for found in _read_list(text, _MEDIA_TYPE)]
    accepted = [_Accepted(type_, _range_rank(type_), _quality(type_.parameters.get("q"))) for type_ in types]
    return sorted(accepted, key=cmp_to_key(_compare))


def _compare(value: _Accepted, other: _Accepted) -> int:
    """By difference, as MediaTypeWithQualityHeaderValueComparer does: a quality of NaN equals every other."""
    difference = other.quality - value.quality
    return (difference > 0) - (difference < 0) or value.rank - other.rank


def _range_rank(media_type: MediaType) -> int:
    if media_type.subtype != "*":
        return LITERAL
    return ALL_RANGE if media_type.type == "*" else SUBTYPE_RANGE


def _quality(text: str | None) -> float:
    """HeaderUtilities.GetQuality: what is no number counts 1; above 1 is not clamped (wire-facts 2.12)."""
    if text is None or not _QUALITY.fullmatch(text):
        return _QUALITY_WORDS.get(text or "", 1.0)
    quality = float(text)
    return quality if math.isfinite(quality) else 1.0


def _is_xhr(accepted: list[_Accepted], x_requested_with: str) -> bool:
    """XmlHttpRequestHeaderMapping: no Accept, or `*/*` alone with any q."""
    unspecific = not accepted or (len(accepted) == 1 and accepted[0].rank == ALL_RANGE)
    return unspecific and "xmlhttprequest" in x_requested_with.lower()


def _match(formatter: Formatter, by_xhr: bool, accepted: list[_Accepted], sent: MediaType | None) -> _Match:
    """How well one formatter can answer; the first hit stops (wire-facts 2.2)."""
    if by_xhr and XHR_TYPE in formatter.media_types:
        return _Match(MAPPED, 1.0, formatter, XHR_TYPE)
    for value in accepted:
        covered = _first_covered(formatter, value.media_type) if value.quality != 0 else None
        if covered:
            return _Match(value.rank, value.quality, formatter, covered)
    same = sent and _first_covered(formatter, sent)
    if same:
        return _Match(REQUEST_TYPE, 1.0, formatter, same)
    return _Match(ANY_TYPE, 1.0, formatter, formatter.media_types[0])


def _select(matches: list[_Match]) -> _Match:
    """DefaultContentNegotiator.SelectResponseMediaTypeFormatter: only a strictly higher quality replaces."""
    best: dict[int, _Match] = {}
    for match in matches:
        if match.rank not in best or match.quality > best[match.rank].quality:
            best[match.rank] = match
    by_accept = [best[rank] for rank in (MAPPED, LITERAL, SUBTYPE_RANGE, ALL_RANGE) if rank in best]
    if by_accept:
        return max(by_accept, key=lambda match: match.quality)
    return best.get(REQUEST_TYPE) or best[ANY_TYPE]


def _find_reader(sent: MediaType, formatters: Iterable[Formatter]) -> Formatter | None:
    return next((formatter for formatter in formatters if _first_covered(formatter, sent)), None)


def _first_covered(formatter: Formatter, wanted: MediaType) -> MediaType | None:
    """MediaTypeHeaderValueExtensions.IsSubsetOf: a range covers, in Content-Type too; parameters are ignored."""
    type_, subtype = wanted.type.lower(), wanted.subtype.lower()
    for own in formatter.media_types:
        if (own.type == type_ and subtype in (own.subtype, "*")) or type_ == subtype == "*":
            return own
    return None


def _accepted_charset(text: str) -> str | None:
    """By quality, `*` last among equals; `*` is the first charset we have (wire-facts 2.14)."""
    accepted = [(float(found[2] or "1"), found[1].lower()) for found in _read_list(text, _CHARSET)]
    for quality, name in sorted(accepted, key=lambda value: (-value[0], value[1] == "*")):
        if quality > 0 and name in (*CHARSETS, "*"):
            return CHARSETS[0] if name == "*" else name
    return None


def _supported_charset(name: str) -> str:
    """MediaTypeFormatter.SelectCharacterEncoding: a quoted name keeps its quotes, so it is none of ours."""
    return name.lower() if name.lower() in CHARSETS else CHARSETS[0]
