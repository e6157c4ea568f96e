"""The URI of a 404 is the one .NET prints."""

from __future__ import annotations

import pytest

from refund_api.http.dotnet_uri import requested_uri


@pytest.mark.parametrize(
    ("raw", "printed"),
    [
        ("/", "/"),
        ("/x?", "/x?"),
        ("/a%20b?c=%20d+e", "/a b?c= d+e"),
        ("/canc%65l%2Ejson%7e", "/cancel.json~"),
        ("/%E5%8F%96?%e5%8f%96", "/\u53d6?\u53d6"),
        ("/\xe5\x8f\x96", "/\u53d6"),
        ("/%F0%9F%98%80%CC%81%C2%A0", "/\U0001f600\u0301\u00a0"),
        # Reserved and unsafe characters stay escaped, spelled as they were.
        ("/%25%23%3F%2f%3b%40%26%2B%2C%24%3D%5c", "/%25%23%3F%2f%3b%40%26%2B%2C%24%3D%5c"),
        ("/%00%1f%7F%0A", "/%00%1f%7F%0A"),
        ("/%3A%21%28%29%2A%27%22%3C%3E%5B%5D%5E%60%7B%7C%7D", "/:!()*'\"<>[]^`{|}"),
        ("/<b>'&+=;", "/<b>'&+=;"),
        # A stray percent sign is escaped.
        ("/%zz%4%", "/%25zz%254%25"),
        ("/%%41", "/%25A"),
        # What is no UTF-8 stays escaped, in capitals; but bytes that cannot begin a character stay as they were sent.
        ("/%ff%e4%b8", "/%FF%E4%B8"),
        ("/%9f", "/%9f"),
        ("/%8A%9f%e4%b8%ad%9f", "/%8A%9f\u4e2d%9F"),
        ("/%9f%c2%80%a0%bf", "/%9f%C2%80%A0%BF"),
        ("/%FF%E4%B8x%E4%B8%AD%80", "/%FF%E4%B8x\u4e2d%80"),
        ("/%ed%a0%80%c0%af%f8%88%80%80%80", "/%ED%A0%80%C0%AF%F8%88%80%80%80"),
        # So do the characters that an IRI may not have; marks of direction vanish.
        ("/%c2%80%ee%80%80%ef%b7%90%ef%bf%bd%f0%9f%bf%bf", "/%C2%80%EE%80%80%EF%B7%90%EF%BF%BD%F0%9F%BF%BF"),
        ("/%f3%a0%80%80%f3%a1%80%80%f4%8f%bf%bd", "/%F3%A0%80%80\U000e1000%F4%8F%BF%BD"),
        ("/a%e2%80%8eb%e2%80%aec", "/abc"),
        # A query may have characters of private use.
        ("/%ee%80%80?%ee%80%80", "/%EE%80%80?\ue000"),
        (
            "/?%ef%a3%bf%f3%b0%80%80%f4%8f%bf%bd?%f4%8f%bf%be%f3%af%bf%be",
            "/?\uf8ff\U000f0000\U0010fffd?%F4%8F%BF%BE%F3%AF%BF%BE",
        ),
    ],
)
def test_a_uri_is_unescaped_as_dotnet_prints_it(raw: str, printed: str) -> None:
    environ = {"RAW_URI": raw, "wsgi.url_scheme": "http", "HTTP_HOST": "localhost"}
    assert requested_uri(environ) == f"http://localhost{printed}"


def test_a_uri_has_the_scheme_and_host_that_were_asked() -> None:
    environ = {"REQUEST_URI": "/x", "wsgi.url_scheme": "https", "HTTP_HOST": "api.example:8443"}
    assert requested_uri(environ) == "https://api.example:8443/x"


def test_an_absolute_request_target_is_the_uri() -> None:
    environ = {"RAW_URI": "http://elsewhere/x%20y", "wsgi.url_scheme": "https", "HTTP_HOST": "localhost"}
    assert requested_uri(environ) == "http://elsewhere/x y"


def test_a_server_that_keeps_no_uri_has_one_made_from_its_parts() -> None:
    environ = {
        "wsgi.url_scheme": "http",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "PATH_INFO": "/a b%/\xe5\x8f\x96",
        "QUERY_STRING": "q=%41",
    }
    assert requested_uri(environ) == "http://127.0.0.1:8000/a b%25/\u53d6?q=A"
    assert requested_uri(environ | {"QUERY_STRING": ""}) == "http://127.0.0.1:8000/a b%25/\u53d6"


OWN = {"wsgi.url_scheme": "http", "SERVER_NAME": "10.0.0.7", "SERVER_PORT": "8000"}


@pytest.mark.parametrize("host", ["a", "a.b-c_d:8443", "127.0.0.1:80", "[::1]:8000", "[fe80::1]", "a:", "x" * 253])
def test_a_host_name_is_repeated_as_it_was_sent(host: str) -> None:
    assert requested_uri(OWN | {"RAW_URI": "/x", "HTTP_HOST": host}) == f"http://{host}/x"
    assert requested_uri(OWN | {"RAW_URI": f"https://{host}/x"}) == f"https://{host}/x"


@pytest.mark.parametrize(
    "host",
    [
        "<b>",
        "a b",
        "a,b",
        "a'",
        '"a"',
        "u@a",
        "a%41",
        "\xe9",
        "a:b",
        "a:808080",
        "[::1",
        "[<b>]",
        "x" * 254,
        "a\\b",
        "a;b",
    ],
)
def test_what_is_no_host_name_is_not_repeated_and_the_address_of_the_server_stands_in_its_place(host: str) -> None:
    assert requested_uri(OWN | {"RAW_URI": "/x?y", "HTTP_HOST": host}) == "http://10.0.0.7:8000/x?y"
    assert requested_uri(OWN | {"RAW_URI": f"https://{host}?y"}) == "https://10.0.0.7:8000?y"


@pytest.mark.parametrize("name", ["/run/refund-api.sock", "<b>", ""])
def test_on_a_unix_socket_the_server_has_no_address_to_give(name: str) -> None:
    """gunicorn takes SERVER_NAME from the Host there, or gives the path of the socket."""
    environ = OWN | {"RAW_URI": "/x", "HTTP_HOST": "<b>", "SERVER_NAME": name, "SERVER_PORT": ""}
    assert requested_uri(environ) == "http://localhost/x"
