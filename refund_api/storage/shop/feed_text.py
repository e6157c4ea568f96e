"""The lines of a feed: plain or gzip, UTF-8 with or without a BOM, LF or CRLF. A line that is too long is not held."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from .feed_order import BadLine

MAX_LINE: Final = 1 << 20
"""The most bytes of a line: a thousand passengers need a tenth of that."""

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line that is not blank, and its number from 1."""

    number: int
    text: str


def read_lines(source: BinaryIO | Iterable[str | bytes]) -> Iterator[TextLine | BadLine]:
    """The lines of a file opened in binary, or of anything to iterate over; blank ones are left out."""
    number = 0
    try:
        for number, line in enumerate(_raw_lines(source), 1):
            read = _read_line(number, line)
            if read is not None:
                yield read
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        yield BadLine(number + 1, (f"the gzip file is damaged here: {error}",))


def _read_line(number: int, line: str | bytes) -> TextLine | BadLine | None:
    if len(line) > MAX_LINE:
        return BadLine(number, (f"longer than {MAX_LINE} bytes",))
    try:
        text = line.decode("utf-8") if isinstance(line, bytes) else line
    except UnicodeDecodeError:
        return BadLine(number, ("not UTF-8",))
    if number == 1:
        text = text.removeprefix("\ufeff")
    return TextLine(number, text) if text and not text.isspace() else None


def _raw_lines(source: Any) -> Iterable[str | bytes]:
    if not hasattr(source, "readline"):
        lines: Iterable[str | bytes] = source
        return lines
    return _bounded(gzip.open(source) if _is_gzip(source) else source)


def _is_gzip(file: Any) -> bool:
    if hasattr(file, "peek"):
        return bool(file.peek(len(_GZIP))[: len(_GZIP)] == _GZIP)
    start = file.read(len(_GZIP))
    file.seek(0)
    return bool(start == _GZIP)


def _bounded(file: Any) -> Iterator[bytes]:
    """The lines of a file. One that is too long is cut one byte behind the limit, and its rest is passed over."""
    while line := file.readline(MAX_LINE + 1):
        rest = line
        while len(rest) > MAX_LINE and not rest.endswith(b"\n"):
            rest = file.readline(MAX_LINE + 1)
        yield line
