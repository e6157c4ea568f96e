"""Seeded damage to a request: to its body, headers, path, method and length, as a server in front lets it through."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from refund_api.http.body import MAX_BODY

from .sent import SentRequest

MEMBERS = (b"order_number", b"refund_passanger_ids", b"refund_reason", b"terminal", b"time_stamp", b"random", b"sign")

_PIECES = (
    # of any format
    *MEMBERS,
    *(b"\0", b"\r", b"\n", b"\x0b", b"\x7f", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80"),
    *(b"\xe2\x80\xae", b"\xef\xbf\xbe", "İıſK".encode(), "𐍈".encode(), "行程".encode(), b"2147483648", b"-1", b"-0", b"1e999", b"9" * 400),
    # of JSON
    *(b"null", b"true", b"NaN", b"{", b"}", b"[", b"]", b"[[[[", b'"', b"\\", b"\\u0000", b"\\ud800", b"\\udc00", b"//", b"1.0", b",", b":"),
    *(b'{"$ref":"1"}', b'"$type":"System.Object"', b'"$id":"1",', b'{"terminal":{"$value":1}}', b'"\\/Date(1)\\/"', b"new Date(1)"),
    # of XML
    *(b"<", b">", b"</", b"/>", b"&", b"&amp;", b"&#0;", b"&#xD800;", b"&#xD;", b"&lol;", b"<![CDATA[", b"]]>", b"<!--", b"-->", b"<?x ?>"),
    *(b'<!DOCTYPE x [<!ENTITY lol "lol">]>', b'<!DOCTYPE x SYSTEM "file:///etc/passwd">', b'<?xml version="1.0" encoding="utf-7"?>'),
    *(b' i:nil="true"', b' xmlns=""', b' xmlns:z="http://schemas.microsoft.com/2003/10/Serialization/" z:Id="1"', b' z:Ref="1"', b' i:type="x"'),
    # of forms
    *(b"%", b"%00", b"%0D%0A", b"%ED%A0%80", b"%FF", b"%u0041", b"&", b"=", b"+", b";", b"[", b"]", b"[]", b"[0]", b".x", b"%5B", b"&&"),
)  # fmt: skip

_TYPES = (
    "application/json",
    "text/json",
    "application/xml",
    "text/xml",
    "application/x-www-form-urlencoded",
    "text/html",
)
_RANGES = ("*/*", "application/*", "text/*", "text/html", "image/png", "*/json")
_PARAMETERS = (
    "",
    ";q=0",
    ";q=1",
    ";q=0.5",
    ";q=NaN",
    ";q=1e9",
    "; charset=utf-16",
    ";charset=utf-8",
    ';charset="utf-16"',
    ";a=b;a",
    ";",
)
_HEADERS = (
    *(
        "Content-Type",
        "Accept",
        "Accept",
        "Accept-Charset",
        "Content-Encoding",
        "X-Requested-With",
        "X-Request-ID",
        "Host",
    ),
    *(
        "Cookie",
        "Connection",
        "Upgrade",
        "Expect",
        "X-Forwarded-For",
        "X-HTTP-Method-Override",
        "Origin",
    ),
)
_VALUES = (
    "",
    "gzip",
    "identity",
    "utf-16",
    "utf-8;q=0.1",
    "*",
    "*;q=0",
    "XMLHttpRequest",
    "websocket",
    "Upgrade",
    "a b",
    "\xff",
    "localhost:x",
    "[::1",
    "é<&>",
    '"\\',
    "a=b; c=d",
    "chunked",
)
_TRANSFER_CODINGS = ("chunked", "Chunked", "gzip, chunked", "deflate,chunked")  # gunicorn answers others itself
_FIELD = 8190  # gunicorn takes no longer header
_LINE = 4000  # and no request line of over 4,094 bytes
_METHODS = ("GET", "HEAD", "PUT", "OPTIONS", "TRACE", "post", "Post", "POST", "X-Y!", "P" * 20)
_PATHS = ("/", "//", "%00", "%2F", "%", "%zz", ".", "..", "%2e", "?", "?a[", "?a[]=%ff", ";", "\\", "%E2%80%AE", "%ED%A0%80", "%0D%0A", "<script>", "&amp;", "a" * 300, "%01", "api")  # fmt: skip
_LENGTHS = ("", "", "0", "1", "00", "65536", "65537", "9" * 30, "+5", "-1", "1e3", " 5", "5,5")


def mutate(rng: random.Random, request: SentRequest, others: Sequence[SentRequest]) -> SentRequest:
    """One to three mutations, most of them of the body; parts of `others` are taken into it."""
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3))):
        mutation = rng.choices(_MUTATIONS, _WEIGHTS)[0]
        request = mutation(rng, request, others)
    return request


def mutate_body(rng: random.Random, request: SentRequest, others: Sequence[SentRequest]) -> SentRequest:
    """A few of the bytes of the body become others, or all of them come again."""
    body = request.body or b""
    start = rng.randrange(len(body) + 1)
    end = min(len(body), start + rng.choice((0, 1, 1, 2, 8, 50, 400)))
    return replace(request, body=rng.choice(_BODY_MUTATIONS)(rng, body, start, end, others))


def _insert(rng: random.Random, body: bytes, start: int, end: int, others: Sequence[SentRequest]) -> bytes:
    return body[:start] + rng.choice(_PIECES) + body[start:]


def _overwrite(rng: random.Random, body: bytes, start: int, end: int, others: Sequence[SentRequest]) -> bytes:
    return body[:start] + rng.choice(_PIECES) + body[end:]


def _delete(rng: random.Random, body: bytes, start: int, end: int, others: Sequence[SentRequest]) -> bytes:
    return body[:start] + body[end:]


def _flip(rng: random.Random, body: bytes, start: int, end: int, others: Sequence[SentRequest]) -> bytes:
    return body[:start] + bytes(byte ^ 1 << rng.randrange(8) for byte in body[start : start + 1]) + body[start + 1 :]


def _cut(rng: random.Random, body: bytes, start: int, end: int, others: Sequence[SentRequest]) -> bytes:
    return body[:start]


def _repeat(rng: random.Random, body: bytes, start: int, end: int, others: Sequence[SentRequest]) -> bytes:
    """A part comes many times, sometimes until the body is as long as one may be, or longer."""
    part = body[start:end] or rng.choice(_PIECES)
    most = (MAX_BODY + rng.choice((-1, 0, 1)) - len(body)) // len(part)
    return body[:start] + part * rng.choice((2, 2, 3, 10, 10, 100, max(1, most))) + body[start:]


def _splice(rng: random.Random, body: bytes, start: int, end: int, others: Sequence[SentRequest]) -> bytes:
    other = rng.choice(others).body or b""
    return body[:start] + other[rng.randrange(len(other) + 1) :]


def _recode(rng: random.Random, body: bytes, start: int, end: int, others: Sequence[SentRequest]) -> bytes:
    encoding = rng.choice(("utf-16", "utf-16-be", "utf-32", "utf-7", "cp037"))
    return body.decode("latin-1" if encoding == "cp037" else "utf-8", "replace").encode(encoding, "replace")


_BODY_MUTATIONS: tuple[Callable[[random.Random, bytes, int, int, Sequence[SentRequest]], bytes], ...] = (
    *(_insert, _insert, _overwrite, _overwrite, _delete, _delete, _flip, _flip, _cut, _repeat, _splice),
    _recode,
)


def mutate_headers(rng: random.Random, request: SentRequest, others: Sequence[SentRequest]) -> SentRequest:
    """One header goes, comes, or changes; or all are those of another request."""
    headers = list(request.headers)
    place = rng.randrange(len(headers) + 1)
    kind = rng.randrange(5)
    if kind == 0:
        headers[place : place + 1] = []
    elif kind == 1:
        headers = list(rng.choice(others).headers)
    elif kind == 2 and place < len(headers):
        name, value = headers[place]
        at = rng.randrange(len(value) + 1)
        headers[place] = (
            name,
            (value[:at] + rng.choice('\t ,;="\\/*q0\xff') + value[at + rng.randrange(2) :])[:_FIELD],
        )
    elif kind == 3 and rng.random() < 0.1:
        headers.insert(place, ("Transfer-Encoding", rng.choice(_TRANSFER_CODINGS)))
    else:
        headers.insert(place, (rng.choice(_HEADERS), _header_value(rng)))
    return replace(request, headers=tuple(headers[:100]))


def _header_value(rng: random.Random) -> str:
    if rng.random() < 0.3:
        return rng.choice(_VALUES)
    ranges = (rng.choice(_TYPES + _RANGES) + rng.choice(_PARAMETERS) for _ in range(rng.choice((1, 1, 2, 3, 600))))
    return rng.choice((", ", ",")).join(ranges)[:_FIELD]


def mutate_path(rng: random.Random, request: SentRequest, others: Sequence[SentRequest]) -> SentRequest:
    at = rng.randrange(len(request.path) + 1)
    path = request.path[:at] + rng.choice(_PATHS) + request.path[at + rng.choice((0, 0, 1, 3)) :]
    return replace(request, path=path[:_LINE] if path.startswith("/") else "/" + path[:_LINE])


def mutate_method(rng: random.Random, request: SentRequest, others: Sequence[SentRequest]) -> SentRequest:
    return replace(request, method=rng.choice(_METHODS))


def mutate_length(rng: random.Random, request: SentRequest, others: Sequence[SentRequest]) -> SentRequest:
    """The body is chunked, or its Content-Length is not its length."""
    return replace(request, promised=rng.choice(_LENGTHS))


_MUTATIONS = (mutate_body, mutate_headers, mutate_path, mutate_method, mutate_length)
_WEIGHTS = (70, 18, 6, 2, 4)
