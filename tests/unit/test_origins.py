"""A list of origins is brought into the spelling of browsers; what no browser sends is refused in words."""

from __future__ import annotations

import pytest

from refund_api.origins import read_origins


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("https://shop.example", ("https://shop.example",)),
        ("https://shop.example,http://10.0.0.7:8080", ("https://shop.example", "http://10.0.0.7:8080")),
        ("https://b.example , https://a.example", ("https://b.example", "https://a.example")),
        ("HTTPS://Shop.Example", ("https://shop.example",)),
        ("https://shop.example:443,http://shop.example:80", ("https://shop.example", "http://shop.example")),
        ("https://shop.example:80", ("https://shop.example:80",)),
        ("http://localhost:08080", ("http://localhost:8080",)),
        ("http://[0:0::1]:3000", ("http://[::1]:3000",)),
        ("https://shop.example,https://SHOP.example:443", ("https://shop.example",)),
        ("https://xn--bcher-kva.example", ("https://xn--bcher-kva.example",)),
        ("*", ("*",)),
    ],
)
def test_origins_are_spelled_as_browsers_send_them(text: str, origins: tuple[str, ...]) -> None:
    assert read_origins(text) == origins


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("https://shop.example/", "something behind the host and port"),
        ("https://shop.example/shop", "something behind the host and port"),
        ("https://shop.example?x", "something behind the host and port"),
        ("shop.example", "does not begin with http:// or https://"),
        ("shop.example:8080", "does not begin with http:// or https://"),
        ("//shop.example", "does not begin with http:// or https://"),
        ("ftp://shop.example", "does not begin with http:// or https://"),
        ("https://a.example https://b.example", "a blank in it: origins are separated by commas"),
        ("https://a.example,", "nothing between two commas"),
        ("https://a.example,,https://b.example", "nothing between two commas"),
        ("null", "pages of every site can send"),
        ("NULL", "pages of every site can send"),
        ("*,https://a.example", "stands alone or not at all"),
        ("https://*.shop.example", "is a pattern: name each origin"),
        ("https://bücher.example", "xn--"),
        ("https://user@shop.example", "no browser sends"),
        ("https://", "no browser sends"),
        ("https://shop..example", "an empty part"),
        ("https://shop.example:0", "not one from 1 to 65535"),
        ("https://shop.example:65536", "not one from 1 to 65535"),
        ("https://shop.example:", "no browser sends"),
        ("http://10.0.7:80", "no address"),
        ("http://[::g]", "no browser sends"),
        ("http://[1::2::3]", "no address"),
    ],
)
def test_what_is_no_list_of_origins_is_refused_with_the_reason(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"^has '") as caught:
        read_origins(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
