"""The request body, whole or refused: half a passenger list would be another refund.

Reads the server's stream itself; Werkzeug's limited stream hands out the first bytes of a body that is
too long or cut short, as if they were all of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, BinaryIO, Final

from .media import BodyCutShort, BodyEncoded, BodyTooLong

MAX_BODY: Final = 65536
"""Bytes. A cancellation is about 500."""

_LENGTH = re.compile(r"0*([0-9]+)")


def read_body(environ: Mapping[str, Any]) -> bytes:
    """All bytes of the body. Raises BodyCutShort, BodyTooLong, BodyEncoded."""
    coding = environ.get("HTTP_CONTENT_ENCODING", "").strip()
    if coding and coding.lower() != "identity":
        raise BodyEncoded(f"The request entity's content encoding '{coding}' is not supported for this resource.")
    promised = environ.get("CONTENT_LENGTH")
    if promised:
        return _read_promised(environ["wsgi.input"], promised)
    if environ.get("wsgi.input_terminated"):
        return _read_to_end(environ["wsgi.input"])
    return b""


def _read_promised(stream: BinaryIO, promised: str) -> bytes:
    match = _LENGTH.fullmatch(promised)
    if match is None:
        raise BodyCutShort("The Content-Length header of the request cannot be read.")
    if len(match[1]) > len(str(MAX_BODY)) or int(match[1]) > MAX_BODY:
        raise _too_long()
    length = int(match[1])
    body = _read(stream, length)
    if len(body) != length:
        raise BodyCutShort("The request entity is shorter than its Content-Length header says.")
    return body


def _read_to_end(stream: BinaryIO) -> bytes:
    body = _read(stream, MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise _too_long()
    return body


def _read(stream: BinaryIO, length: int) -> bytes:
    """Up to `length` bytes; fewer only at the end of the stream, which may give less than asked for."""
    parts = []
    try:
        while length and (part := stream.read(length)):
            parts.append(part)
            length -= len(part)
    except Exception as error:  # every server has its own for a framing it cannot read
        raise BodyCutShort("The request entity cannot be read.") from error
    return b"".join(parts)


def _too_long() -> BodyTooLong:
    return BodyTooLong(f"The request entity is longer than {MAX_BODY} bytes.")
