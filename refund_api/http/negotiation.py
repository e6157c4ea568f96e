"""Content negotiation: from the values of four headers to who reads the request and who writes the answer.

What is difficult: the rules are .NET's, not the RFC's (wire-facts section 2), and they never refuse. The steps:
1. Content-Type is one media type, read whole or not at all. It chooses the reader and the charset to read in.
2. Accept is a list. One bad element voids its line. The elements are sorted by q, then from the literal type to the
   ranges `type/*` and `*/*`. An element with q=0 excludes nothing: it is passed over.
3. Each formatter finds one match, which has a rank: an XMLHttpRequest whose Accept says nothing (MAPPED), an element of
   Accept (LITERAL, SUBTYPE_RANGE, ALL_RANGE), the type of the request (REQUEST_TYPE), or nothing at all (ANY_TYPE).
4. One of these matches is selected. Of the first four ranks the highest q wins, then the lower rank, then the earlier
   formatter. The last two ranks count only where there is no other.
5. Accept-Charset chooses the charset of the answer; where it names none of ours, the charset of the request is taken.
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

# HttpRuleParser: a backslash escapes the next character only if one more follows. So `"\"` at the very end is whole.
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_QUOTED = r'"(?>\\[\x00-\x7f](?=.)|[^"])*+"'
_PARAMETER = rf";[ \t]*+({_TOKEN})[ \t]*+(?:=[ \t]*+({_TOKEN}|{_QUOTED})[ \t]*+)?+"
_MEDIA_TYPE = re.compile(rf"({_TOKEN})[ \t]*+/[ \t]*+({_TOKEN})[ \t]*+((?:{_PARAMETER})*+)(?=,|\Z)", re.DOTALL)
_PARAMETERS = re.compile(_PARAMETER, re.DOTALL)
# StringWithQualityHeaderValue: only one q may follow the name, and a q above 1 voids the element.
_UP_TO_ONE = r"0*+1(?:\.0*+)?+|0++(?:\.[0-9]*+)?+"
_CHARSET = re.compile(rf"({_TOKEN})[ \t]*+(?:;[ \t]*+[qQ][ \t]*+=[ \t]*+({_UP_TO_ONE})[ \t]*+)?+(?=,|\Z)")
_LINE_ENDS = re.compile(r"(?<![ \t]),(?![ \t])")
_QUALITY = re.compile(r"[0-9]++\.?[0-9]*+|\.[0-9]++")
# Double.TryParse takes these three words with every NumberStyles (wire-facts 11.14).
_QUALITY_WORDS: Final = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}

MAPPED, LITERAL, SUBTYPE_RANGE, ALL_RANGE, REQUEST_TYPE, ANY_TYPE = range(6)

LONGEST_REMEMBERED: Final = 512


@dataclass(frozen=True, slots=True)
class Negotiated:
    """Who reads the request and who writes the answer. `reader` is None where no formatter reads what was sent.

    `sent` is the Content-Type, None where it is missing or cannot be read.
    """

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
    """`negotiate` for these formatters. It remembers its results for headers that are short, as clients repeat them."""
    fresh = partial(negotiate, formatters=formatters)
    remembered = lru_cache(maxsize=1024)(fresh)

    def recall(*headers: Header) -> Negotiated:
        short = sum(len(header) for header in headers if header) <= LONGEST_REMEMBERED
        return (remembered if short else fresh)(*headers)

    return recall


def read_media_type(text: str) -> MediaType | None:
    """MediaTypeHeaderValue.TryParse: one media type, not a list; None for what .NET cannot read (wire-facts 1.9)."""
    match = _MEDIA_TYPE.match(text, _skip(" \t", text, 0))
    return _media_type(match) if match and match.end() == len(text) else None


def _media_type(match: re.Match[str]) -> MediaType:
    parameters: dict[str, str | None] = {}
    for name, value in _PARAMETERS.findall(match[3]):
        parameters.setdefault(name.lower(), value or None)  # NameValueHeaderValue.Find: of equal names the first counts
    return MediaType(match[1], match[2], parameters)


def _read_list(text: str, element: re.Pattern[str]) -> list[re.Match[str]]:
    """Every element of a list header. One bad element voids its line, but no other (wire-facts 2.11, 11.9).

    A server joins repeated header lines by a comma without blanks. So if the whole text is void, it is split at such
    commas, and each piece is read as a line.
    """
    elements = _read_line(text, element)
    if elements is None:
        elements = [match for line in _LINE_ENDS.split(text) for match in _read_line(line, element) or ()]
    return elements


def _read_line(line: str, element: re.Pattern[str]) -> list[re.Match[str]] | None:
    elements = []
    position = _skip(" \t,", line, 0)
    while position < len(line):
        match = element.match(line, position)
        if match is None:
            return None
        elements.append(match)
        position = _skip(" \t,", line, match.end())
    return elements


def _skip(characters: str, text: str, position: int) -> int:
    while position < len(text) and text[position] in characters:
        position += 1
    return position


def _accepted_types(text: str) -> list[_Accepted]:
    """Sorted by quality, then literal before `type/*` before `*/*`; otherwise as sent (wire-facts 2.4)."""
    types = [_media_type(match) for match in _read_list(text, _MEDIA_TYPE)]
    accepted = [_Accepted(type_, _range_rank(type_), _quality(type_.parameters.get("q"))) for type_ in types]
    return sorted(accepted, key=cmp_to_key(_compare))


def _compare(value: _Accepted, other: _Accepted) -> int:
    """MediaTypeWithQualityHeaderValueComparer takes the difference: NaN equals any quality (wire-facts 11.14)."""
    difference = other.quality - value.quality
    return (difference > 0) - (difference < 0) or value.rank - other.rank


def _range_rank(media_type: MediaType) -> int:
    if media_type.subtype != "*":
        return LITERAL
    return ALL_RANGE if media_type.type == "*" else SUBTYPE_RANGE


def _quality(text: str | None) -> float:
    """HeaderUtilities.GetQuality: a q that is no number counts as 1; one above 1 stays as it is (wire-facts 2.12)."""
    if text is None or not _QUALITY.fullmatch(text):
        return _QUALITY_WORDS.get(text or "", 1.0)
    quality = float(text)
    return quality if math.isfinite(quality) else 1.0


def _is_xhr(accepted: list[_Accepted], x_requested_with: str) -> bool:
    """XmlHttpRequestHeaderMapping: X-Requested-With says so, and Accept is missing or `*/*` alone (wire-facts 2.3)."""
    unspecific = not accepted or (len(accepted) == 1 and accepted[0].rank == ALL_RANGE)
    return unspecific and "xmlhttprequest" in x_requested_with.lower()


def _match(formatter: Formatter, by_xhr: bool, accepted: list[_Accepted], sent: MediaType | None) -> _Match:
    """How one formatter can answer: the first of these rules that fits (wire-facts 2.2)."""
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
    """DefaultContentNegotiator.SelectResponseMediaTypeFormatter: only a higher quality replaces (wire-facts 2.5)."""
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


def _first_covered(formatter: Formatter, asked: MediaType) -> MediaType | None:
    """MediaTypeHeaderValueExtensions.IsSubsetOf: `asked` may be a range, in Content-Type too (wire-facts 1.2, 1.3)."""
    type_, subtype = asked.type.lower(), asked.subtype.lower()
    for own in formatter.media_types:
        if (own.type == type_ and subtype in (own.subtype, "*")) or type_ == subtype == "*":
            return own
    return None


def _accepted_charset(text: str) -> str | None:
    """By quality; among equals `*` is last, and means the first of our charsets (wire-facts 2.14)."""
    accepted = [(float(match[2] or "1"), match[1].lower()) for match in _read_list(text, _CHARSET)]
    for quality, name in sorted(accepted, key=lambda value: (-value[0], value[1] == "*")):
        if quality > 0 and name in (*CHARSETS, "*"):
            return CHARSETS[0] if name == "*" else name
    return None


def _supported_charset(name: str) -> str:
    """MediaTypeFormatter.SelectCharacterEncoding: a quoted name keeps its quotes, so it is none (wire-facts 1.10)."""
    return name.lower() if name.lower() in CHARSETS else CHARSETS[0]
