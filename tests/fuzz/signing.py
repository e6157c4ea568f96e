"""Requests that a client with the key has made: the members of an order in the ledger, put into a recorded request."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote_plus
from xml.sax.saxutils import escape

from refund_api.actions import CANCEL
from refund_api.signing.schemes import SCHEMES
from refund_api.signing.time_stamp import TIME_STAMP_FORMAT
from tests.wire import FORMATS, Members, members_of
from tests.world import NOW, SECRET, STRANGER
from xml_contracts.refund import Terminal, TicketRefundRequest

from .orders import Booking
from .sent import SentRequest, Signed

_REASONS = (
    *(
        None,
        None,
        "",
        "Plans changed",
        "行程有变 𐍈",
        "a\r\nb\rc\nd",
        "\t x ",
        "\0",
        "\x01",
        "\x7f\x85\u2028",
        "\ufffe\uffff",
    ),
    *(
        "\ud800",
        "x\udc00",
        "x" * 500,
        "x" * 501,
        "𐍈" * 500,
        "𐍈" * 501,
        "'; DROP TABLE refund; --",
        "<b>&amp;",
        "%00",
        "\\u0000",
        "İſ",
    ),
)
_ORDER_NUMBERS = (
    "CTT-NONE",
    " {}",
    "{} ",
    "{}\0",
    "{}\u0301",
    "ｃ{}",
    "{}" + "x" * 60,
    "'",
    "\ud800",
    "𐍈" * 64,
    "%",
    "_",
    "",
)
_SECONDS = (0,) * 12 + (-300, 300, -301, 301, 10**9)
_NUMBERS = (0, -1, -(2**31), 2**31 - 1)


def sign(members: Members, scheme: str) -> str:
    """The sign of a request with these members."""
    values = dict(members)
    if values["terminal"] in set(Terminal):
        values["terminal"] = Terminal(values["terminal"])
    request = TicketRefundRequest(**values | {"sign": None})
    return SCHEMES[scheme].sign(request, CANCEL.path, f"fuzz-{scheme}", SECRET)


def spelled(rng: random.Random, passengers: frozenset[str]) -> str:
    """The ids as clients may write them: any order, any case, blanks, one of them twice."""
    ids = [rng.choice((one, one.upper())) for one in rng.sample(sorted(passengers), len(passengers))]
    if rng.random() < 0.1:
        ids.append(rng.choice(ids).upper())
    return rng.choice((",", ",", ", ", " ,\t")).join(ids)


def signed_request(rng: random.Random, base: SentRequest, booking: Booking) -> SentRequest:
    """A request for some passengers of the order, signed, with path, headers and perhaps the text of `base`."""
    size = rng.randint(1, len(booking.passengers))
    passengers = frozenset(rng.sample(booking.passengers, size))
    if rng.random() < 0.05:
        passengers |= {STRANGER}
    scheme = rng.choice(list(SCHEMES))
    members = _members(rng, booking, passengers)
    members["sign"] = sign(members, scheme)
    signed = Signed(scheme, members["order_number"], passengers, members["sign"])
    return replace(_put_into(rng, base, members), method="POST", signed=signed)


def _members(rng: random.Random, booking: Booking, passengers: frozenset[str]) -> dict[str, Any]:
    """What is signed. One in three or so has an odd value, which is signed too."""
    at = NOW + timedelta(seconds=rng.choice(_SECONDS) if rng.random() < 0.1 else 0)
    members = members_of(
        TicketRefundRequest(
            terminal=Terminal.WEBPAGEEnum,
            time_stamp=at.strftime(TIME_STAMP_FORMAT),
            random=rng.randrange(1, 2**31),
            order_number=booking.order_number,
            refund_passanger_ids=spelled(rng, passengers),
            refund_reason=rng.choice(_REASONS) if rng.random() < 0.5 else "Plans changed",
        )
    )
    if rng.random() < 0.1:
        odd = rng.choice(("order_number", "terminal", "random"))
        text = rng.choice(_ORDER_NUMBERS).replace("{}", booking.order_number)
        members[odd] = text if odd == "order_number" else rng.choice(_NUMBERS)
    return members


def _put_into(rng: random.Random, base: SentRequest, members: Members) -> SentRequest:
    """The members in place of those in the text of `base`, when it has all of them; else in a text of their own."""
    content_type = (base.header("content-type") or "").lower()
    for name, put in _PUTTERS.items():
        if name in content_type and all(member.encode() in (base.body or b"") for member in members):
            return replace(base, body=put(base.body or b"", members))
    form = rng.choice(FORMATS)
    others = [(name, value) for name, value in base.headers if name.lower() not in ("content-type", "content-encoding")]
    return replace(base, body=form.write(members), headers=(("Content-Type", form.content_type), *others))


def _put_into_xml(body: bytes, members: Members) -> bytes:
    for name, value in members.items():
        word = "" if value is None else "WEBPAGEEnum" if (name, value) == ("terminal", 1) else str(value)
        text = escape(word, {"\r": "&#xD;"}).encode(errors="surrogatepass")
        body = _put(rb"(<(?:\w+:)?%s(?:\s[^<>]*)?>)[^<]*(?=</)" % name.encode(), text, body)
    return body


def _put_into_json(body: bytes, members: Members) -> bytes:
    for name, value in members.items():
        pattern = rb'("%s"\s*:\s*)(?:"(?:[^"\\]|\\.)*"|[^,}\]]*)' % name.encode()
        body = _put(pattern, json.dumps(value).encode(), body)
    return body


def _put_into_form(body: bytes, members: Members) -> bytes:
    for name, value in members.items():
        text = "" if value is None else quote_plus(str(value), errors="surrogatepass")
        body = _put(rb"(%s=)[^&]*" % name.encode(), text.encode(), body)
    return body


def _put(pattern: bytes, text: bytes, body: bytes) -> bytes:
    return re.sub(pattern, lambda match: match[1] + text, body)


_PUTTERS = {"xml": _put_into_xml, "json": _put_into_json, "form": _put_into_form}
