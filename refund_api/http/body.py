"""The request body: read whole, or refused. Half a list of passengers would be another refund.

The stream of the server is read here, without Werkzeug: its limited stream gives the first bytes of a body that is too
long or cut short, as if they were the whole body.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, BinaryIO, Final

from .headers import MAX_HEADER
from .media import BodyCutShort, BodyEncoded, BodyFault, BodyTooLong, TransferCoded

MAX_BODY: Final = 65536
"""Bytes. A cancellation is about 500."""

_LENGTH = re.compile(r"0*([0-9]+)")


def read_body(environ: Mapping[str, Any]) -> bytes:
    """All bytes of the body. Raises TransferCoded, BodyEncoded, BodyTooLong, BodyCutShort."""
    if environ.get("HTTP_TRANSFER_ENCODING", "chunked").strip().lower() != "chunked":
        raise TransferCoded  # gunicorn puts the chunks of `gzip, chunked` together and leaves them compressed
    coding = environ.get("HTTP_CONTENT_ENCODING", "").strip()
    if coding and coding.lower() != "identity":
        raise BodyEncoded(coding[:MAX_HEADER])  # the answer repeats it
    promised = environ.get("CONTENT_LENGTH")
    if promised:
        return _read_promised(environ["wsgi.input"], promised)
    if environ.get("wsgi.input_terminated"):
        return _read_to_end(environ["wsgi.input"])
    return b""


def _read_promised(stream: BinaryIO, promised: str) -> bytes:
    match = _LENGTH.fullmatch(promised)
    if match is None:
        raise BodyCutShort(BodyFault.LENGTH_UNREADABLE)
    if len(match[1]) > len(str(MAX_BODY)) or int(match[1]) > MAX_BODY:
        raise BodyTooLong(MAX_BODY)
    length = int(match[1])
    body = _read(stream, length)
    if len(body) != length:
        raise BodyCutShort(BodyFault.SHORTER_THAN_PROMISED)
    return body


def _read_to_end(stream: BinaryIO) -> bytes:
    body = _read(stream, MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise BodyTooLong(MAX_BODY)
    return body


def _read(stream: BinaryIO, length: int) -> bytes:
    """Up to `length` bytes; fewer only at the end of the stream. One stream.read may give less than it is asked."""
    parts = []
    try:
        while length and (part := stream.read(length)):
            parts.append(part)
            length -= len(part)
    except Exception as error:  # each server raises an exception of its own for a framing it cannot read
        raise BodyCutShort(BodyFault.FRAMING_UNREADABLE) from error
    return b"".join(parts)
