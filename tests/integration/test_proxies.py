"""Who asked: with trusted proxies as these tell it, with none as the socket does; made-up headers are never believed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest

from app import create_app
from refund_api.context import RequestContext
from refund_api.http.proxies import address
from refund_api.settings import Settings
from tests.conformance import environ_of
from xml_contracts.reading import Reading
from xml_contracts.refund import ApiResult

PEER, CLIENT, INNER = "192.0.2.1", "203.0.113.7", "198.51.100.2"
Lines = Sequence[tuple[str, str]]


class Service:
    """An application behind `hops` trusted proxies; its handler keeps the sources."""

    def __init__(self, hops: int) -> None:
        self.sources: list[str] = []
        self.app = create_app(Settings(trusted_proxies=hops), handler=self.handle)

    def handle(self, reading: Reading[Any], context: RequestContext) -> ApiResult:
        self.sources.append(context.source)
        return ApiResult(1, "ok")

    def send(self, path: str, headers: Lines, **environ: Any) -> tuple[str, bytes]:
        """Status and body. Repeated header lines are joined as gunicorn joins them."""
        joined: dict[str, str] = {}
        for name, value in headers:
            key = "HTTP_" + name.upper().replace("-", "_")
            joined[key] = f"{joined[key]},{value}" if key in joined else value
        asked = environ_of({"method": "POST", "path": path, "headers": [], "body": None})
        statuses: list[str] = []

        def start_response(status: str, pairs: list[tuple[str, str]], exc_info: Any = None) -> Any:
            statuses.append(status)

        body = b"".join(self.app(asked | {"REMOTE_ADDR": PEER} | joined | environ, start_response))
        return statuses[0][:3], body

    def source(self, *values: str, peer: str = PEER) -> str:
        """The source of a request with these lines of X-Forwarded-For; it is answered as any other."""
        lines = [("X-Forwarded-For", value) for value in values]
        status, body = self.send("/api/order/cancel", lines, REMOTE_ADDR=peer)
        assert (status, body) == ("200", b'{"code":1,"message":"ok","data":null}')
        return self.sources[-1]

    def uri(self, *headers: tuple[str, str]) -> str:
        """The URI that the text of a 404 repeats."""
        status, body = self.send("/nope", headers, HTTP_HOST="own.example")
        match = re.search(r"URI '(.*)'", body.decode())
        assert status == "404" and match
        return match[1]


@pytest.mark.parametrize(
    ("hops", "values", "source"),
    [
        (0, [], PEER),
        (0, [CLIENT], PEER),
        (1, [], PEER),
        (1, [CLIENT], CLIENT),
        (2, [CLIENT], PEER),
        (2, [f"{CLIENT}, {INNER}"], CLIENT),
        (1, [f"{CLIENT}, {INNER}"], INNER),
        # Forged: the client has sent a header of its own, and the proxies have added to it.
        (0, ["10.0.0.1, 127.0.0.1"], PEER),
        (1, [f"10.0.0.1, {CLIENT}"], CLIENT),
        (2, [f"10.0.0.1, 10.0.0.2, {CLIENT}, {INNER}"], CLIENT),
        # As a line of its own.
        (1, ["10.0.0.1", CLIENT], CLIENT),
        (2, ["10.0.0.1", "10.0.0.2", CLIENT, INNER], CLIENT),
        (2, ["10.0.0.1", f"{CLIENT},{INNER}"], CLIENT),
        # With a quote that would hide what the proxies add, in a list of quoted elements.
        (1, [f'", {CLIENT}'], CLIENT),
        (2, [f'10.0.0.1, ", {CLIENT}, {INNER}'], CLIENT),
        (2, ['10.0.0.1, "x', f"{CLIENT}, {INNER}"], CLIENT),
        (2, [f'10.0.0.1, "\\", {CLIENT}, {INNER}'], CLIENT),
        (2, [f'10.0.0.1, "\\"", {CLIENT}, {INNER}'], CLIENT),
        # With empty elements.
        (1, [f",,, {CLIENT}"], CLIENT),
        (2, [f"10.0.0.1,, , {CLIENT}, {INNER}"], CLIENT),
        # Longer than a header may be: what is far from the end counts as not sent.
        (1, [f"{CLIENT}{' ' * 600}"], PEER),
        (1, [f"{'10.0.0.1, ' * 40_000}{CLIENT}"], CLIENT),
        (2, [f"{'x' * 8000}, {CLIENT}, {INNER}"], CLIENT),
        (2, [f'{"," * 8000}"', f"{CLIENT}, {INNER}"], CLIENT),
    ],
)
def test_the_source_is_what_the_outermost_trusted_proxy_saw(hops: int, values: list[str], source: str) -> None:
    assert Service(hops).source(*values) == source


@pytest.mark.parametrize(
    ("value", "source"),
    [
        ("203.0.113.7:51234", "203.0.113.7"),
        ("[2001:db8::7]:51234", "2001:db8::7"),
        ("[2001:DB8:0::7]", "2001:db8::7"),
        ("2001:db8:0:0:0:0:0:7", "2001:db8::7"),
        ("::1", "::1"),
        ("\t203.0.113.7  ", "203.0.113.7"),
        ('"[2001:db8::7]:80"', "2001:db8::7"),
    ],
)
def test_an_address_is_recorded_in_its_usual_spelling_without_a_port(value: str, source: str) -> None:
    assert Service(1).source(value) == source


MALFORMED = [
    "",
    " ",
    ",",
    "unknown",
    "_hidden",
    "unix:",
    "localhost",
    "203.0.113",
    "203.0.113.256",
    "203.0.113.07",
    "203.0.113.7:",
    "203.0.113.7:999999",
    "203.0.113.7:80:80",
    "203.0.113.7 10.0.0.1",
    "203.0.113.7;x",
    "٢٠٣.0.113.7",
    "3405803783",
    "0x7f.1",
    "[2001:db8::7",
    "2001:db8::7]:80",
    "[]",
    ":",
    "fe80::1%eth0",
    "fe80::1%<script>alert(1)</script>",
    "for=203.0.113.7",
    "'; DROP TABLE refund; --",
    "203.0.113.7\r\nX: y",
    "\x00\x1b[31m",
    "\xff\xfe",
    "1" * 9000,
    "2001:db8" + ":" * 4000,
]


@pytest.mark.parametrize("value", MALFORMED)
@pytest.mark.parametrize("hops", [0, 1, 2])
def test_what_is_no_address_is_never_recorded_and_breaks_no_answer(hops: int, value: str) -> None:
    forwarded = value if hops < 2 else f"{value}, {INNER}"
    assert Service(hops).source(forwarded) == PEER
    assert Service(hops).source(forwarded, peer="") == "", "a proxy on a Unix socket has no address"


@pytest.mark.parametrize("value", MALFORMED)
def test_a_malformed_scheme_or_host_is_not_repeated_and_breaks_no_answer(value: str) -> None:
    for name in ("X-Forwarded-Proto", "X-Forwarded-Host"):
        uri = Service(1).uri((name, value))
        assert uri == "http://own.example/nope" or (name == "X-Forwarded-Host" and uri == f"http://{value}/nope")
        assert re.fullmatch(r"http://[\w.\[\]:-]+/nope", uri, re.ASCII)
        assert Service(1).send("/api/order/cancel", [(name, value)])[0] == "200"


@pytest.mark.parametrize(
    ("hops", "scheme", "host", "uri"),
    [
        (0, "https", "shop.example", "http://own.example/nope"),
        (1, "https", "shop.example", "https://shop.example/nope"),
        (1, "HTTPS", "shop.example:8443", "https://shop.example:8443/nope"),
        (1, "https", "[2001:db8::7]:8443", "https://[2001:db8::7]:8443/nope"),
        (1, "gopher, http", "evil.example, shop.example", "http://shop.example/nope"),
        (1, 'https, "http', 'evil.example, "shop.example', "http://shop.example/nope"),
        (2, "https", "shop.example", "http://own.example/nope"),
        (2, "https, http", "shop.example, inner.example", "https://shop.example/nope"),
        (1, "javascript", "a b<c", "http://own.example/nope"),
        (1, "wss", "x" * 254, "http://own.example/nope"),
        (1, "", "", "http://own.example/nope"),
    ],
)
def test_the_text_of_a_404_has_scheme_and_host_as_the_trusted_proxy_saw_them(
    hops: int, scheme: str, host: str, uri: str
) -> None:
    assert Service(hops).uri(("X-Forwarded-Proto", scheme), ("X-Forwarded-Host", host)) == uri


@pytest.mark.parametrize("name", ["X-Forwarded-Prefix", "X-Forwarded-Port", "Forwarded", "X-Real-IP", "Client-IP"])
def test_other_headers_of_proxies_are_never_believed(name: str) -> None:
    service = Service(1)
    assert service.uri((name, "for=10.0.0.1;host=evil.example"), (name, "/evil")) == "http://own.example/nope"
    assert service.send("/api/order/cancel", [(name, "10.0.0.1")])[0] == "200"
    assert service.sources == [PEER]


@pytest.mark.parametrize("host", ["shop.example", "a b<c"])
def test_a_request_without_host_and_peer_is_answered_too(host: str) -> None:
    service = Service(1)
    asked = environ_of({"method": "POST", "path": "/nope", "headers": [["X-Forwarded-Host", host]], "body": None})
    asked = {name: value for name, value in asked.items() if name not in ("HTTP_HOST", "REMOTE_ADDR")}
    body = b"".join(service.app(asked, lambda status, pairs, exc_info=None: lambda data: None))
    assert ("//shop.example/nope" if host == "shop.example" else "//localhost:80/nope") in body.decode()


def test_when_the_settings_cannot_be_used_the_application_answers_so_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFUND_API_TRUSTED_PROXIES", "all")
    response = create_app().test_client().post("/api/order/cancel", json={})
    assert (response.status_code, response.get_json()) == (500, {"Message": "An error has occurred."})


def test_an_address_has_at_most_45_characters() -> None:
    longest = address("1111:2222:3333:4444:5555:6666:255.255.255.255")
    assert longest == "1111:2222:3333:4444:5555:6666:ffff:ffff"
