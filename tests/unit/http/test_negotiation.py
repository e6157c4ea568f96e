"""Negotiation is .NET's: the expectations are what System.Net.Http and DefaultContentNegotiator do."""

from __future__ import annotations

from typing import Any

import pytest

from refund_api.http.media import Formatter, MediaType
from refund_api.http.negotiation import LONGEST_REMEMBERED, Negotiated, negotiate, negotiator, read_media_type
from xml_contracts.reading import Reading


def formatter(name: str, *types: str, writes: bool = True) -> Formatter:
    media_types = tuple(MediaType(text.split("/")[0], text.split("/")[1]) for text in types)
    return Formatter(name, media_types, lambda body, charset: Reading(None), _write if writes else None)


def _write(value: Any, charset: str) -> bytes:
    return b""


JSON = formatter("JSON", "application/json", "text/json")
XML = formatter("XML", "application/xml", "text/xml")
FORM = formatter("FORM", "application/x-www-form-urlencoded", writes=False)
ALL = (JSON, XML, FORM)


def answer_to(
    accept: str | None = None,
    content_type: str | None = None,
    *,
    accept_charset: str | None = None,
    x_requested_with: str | None = None,
) -> Negotiated:
    return negotiate(content_type, accept, accept_charset, x_requested_with, ALL)


# --- Content-Type ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "reader"),
    [
        ("application/json", JSON),
        ("text/json", JSON),
        ("application/xml", XML),
        ("text/xml; charset=utf-8", XML),
        ("application/x-www-form-urlencoded; charset=UTF-8", FORM),
        ("APPLICATION/Json", JSON),
        (" \tapplication/json\t ", JSON),
        ("application / json", JSON),
        ("application/json ; charset = utf-8", JSON),
        ("application/json;charset", JSON),
        ('application/json; x="a,b;c\\"d"', JSON),
        ('application/json; x="caf\u00e9"', JSON),
        ('application/json; x="\\\u00e9"', JSON),
        ('application/json; x="\\"', JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("text/*", JSON),
    ],
)
def test_a_content_type_finds_its_reader(content_type: str, reader: Formatter) -> None:
    assert answer_to(content_type=content_type).reader is reader


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        " ",
        "garbage",
        "application",
        "application/",
        "/json",
        "application/json;",
        "application/json; charset=utf-8;",
        "application/json; charset=",
        "application/json; =utf-8",
        "application/json;; charset=utf-8",
        "application/json, text/json",
        "application/json,",
        ",application/json",
        "application/json text/json",
        "application/json (a comment)",
        "application/json; x='a,b'",
        'application/json; x="unclosed',
        'application/json; x="a\\" ',
        'application/json; x="a"b',
        "application/json; x=caf\u00e9",
        "application/js\u00f6n",
        "application/json\x01",
        "application/json\n",
        "*",
        "application/json/xml",
    ],
)
def test_an_unreadable_content_type_counts_as_octet_stream(content_type: str | None) -> None:
    negotiated = answer_to(content_type=content_type)
    assert negotiated.reader is None
    assert negotiated.sent is None


@pytest.mark.parametrize(
    ("content_type", "named"),
    [
        ("text/plain", "text/plain"),
        ("Text/Plain; charset=utf-8", "Text/Plain"),
        ("application / vnd.api+json", "application/vnd.api+json"),
        ("application/octet-stream", "application/octet-stream"),
        ("*/xml", "*/xml"),
        ("multipart/form-data; boundary=x", "multipart/form-data"),
        ("application/xml+x", "application/xml+x"),
    ],
)
def test_a_type_that_nobody_reads_is_named_as_it_was_sent(content_type: str, named: str) -> None:
    negotiated = answer_to(content_type=content_type)
    assert negotiated.reader is None
    assert str(negotiated.sent) == named


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        ("application/json", "utf-8"),
        ("application/json; charset=utf-16", "utf-16"),
        ("application/json; CHARSET=UTF-16", "utf-16"),
        ("application/json; x=1; charset=utf-16", "utf-16"),
        ("application/json; charset=utf-8; charset=utf-16", "utf-8"),
        ("application/json; charset; charset=utf-16", "utf-8"),
        ('application/json; charset="utf-16"', "utf-8"),
        ("application/json; charset='utf-16'", "utf-8"),
        ("application/json; charset=gb2312", "utf-8"),
        ("application/json; charset=unicode", "utf-8"),
        ("application/json; charset=utf16", "utf-8"),
        ("text/plain; charset=utf-16", "utf-16"),
        ("application/json; charset=utf-16;", "utf-8"),
    ],
)
def test_the_charset_of_the_request_is_one_of_two_and_answers_too(content_type: str, charset: str) -> None:
    negotiated = answer_to(content_type=content_type)
    assert (negotiated.read_charset, negotiated.write_charset) == (charset, charset)


def test_a_media_type_keeps_its_spelling_and_its_first_parameters() -> None:
    read = read_media_type('Text/XML; Q=1; a="b c"; a=2; flag')
    assert read == MediaType("Text", "XML", {"q": "1", "a": '"b c"', "flag": None})


# --- Accept ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "content_type", "media_type"),
    [
        # No Accept: the type of the request, else JSON.
        (None, None, "application/json"),
        (None, "text/xml", "text/xml"),
        (None, "TEXT/JSON; charset=utf-8", "text/json"),
        (None, "application/x-www-form-urlencoded", "application/json"),
        (None, "text/*", "text/json"),
        ("", "application/xml", "application/xml"),
        (" , ,", "application/xml", "application/xml"),
        # The order of the formatters decides between them, the header's order within one.
        ("application/xml, application/json", None, "application/json"),
        ("text/xml, application/xml", None, "text/xml"),
        ("*/*", "application/xml", "application/json"),
        ("application/*", "text/xml", "application/json"),
        ("text/*", "application/xml", "text/json"),
        # Quality, then literal before range, each range in turn.
        ("application/json;q=0.5, application/xml", None, "application/xml"),
        ("application/xml;q=0.5, */*", None, "application/json"),
        ("text/*, application/xml, text/xml", None, "application/xml"),
        ("*/*, text/*", "application/xml", "text/json"),
        ("*/*;q=0.1, text/xml", None, "text/xml"),
        ("application/*;q=0.2, */*;q=0.8", None, "application/json"),
        ("*/*, text/json;q=0.5", None, "application/json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", None, "application/xml"),
        ("text/html, application/xhtml+xml, */*", "application/xml", "application/json"),
        ("application/json, text/javascript, */*; q=0.01", "application/xml", "application/json"),
        # Nothing acceptable is no 406, and q=0 is no exclusion.
        ("text/html", "application/xml", "application/xml"),
        ("image/png", None, "application/json"),
        ("*/xml", None, "application/json"),
        ("application/json;q=0", "application/json", "application/json"),
        ("application/json;q=0", "application/xml", "application/xml"),
        ("*/*;q=0", "text/xml", "text/xml"),
        ("application/xml;q=0.0, application/json;q=0.000", "text/xml", "text/xml"),
        # What q may look like.
        ("application/json, application/xml;q=5", None, "application/xml"),
        ("application/json;q=0.5, application/xml;q=abc", None, "application/xml"),
        ('application/json;q=0.5, application/xml;q="0.1"', None, "application/xml"),
        ("application/json;q=0.5, application/xml;q", None, "application/xml"),
        ("application/json;q=0.5, application/xml;q=-1", None, "application/xml"),
        ("application/json;q=0.5, application/xml;q=+0.1", None, "application/xml"),
        ("application/json;q=0.5, application/xml;q=1e-9", None, "application/xml"),
        ("application/json;q=0.5, application/xml;q=.", None, "application/xml"),
        ("application/json;q=0.5, application/xml;q=.4", None, "application/json"),
        ("application/json;q=0.5, application/xml;q=00.6", None, "application/xml"),
        ("application/json;q=0.5, application/xml;q=1.", None, "application/xml"),
        ("application/json;q=0.5, application/xml; Q=0.4", None, "application/json"),
        ("application/json;q=0.5, application/xml;q=0.4;q=0.9", None, "application/json"),
        ("application/json;q=0.0001, application/xml;q=0.0002", None, "application/xml"),
        ("application/json;q=2, application/xml;q=Infinity", None, "application/xml"),
        ("application/json;q=2, application/xml;q=" + "9" * 400, None, "application/json"),
        ("application/json;q=0.5, application/xml;q=-Infinity", None, "application/json"),
        ("text/html, application/xml;q=-Infinity", None, "application/xml"),
        ("application/json;q=0.5, application/xml;q=NaN", None, "application/json"),
        # NaN equals every other quality: a literal comes before a range, whichever has it; else the order sent counts.
        ("text/* , text/xml ; q=NaN", None, "text/xml"),
        ("*/* ; q=NaN , text/*", None, "text/json"),
        ("text/xml;q=NaN, application/xml", None, "text/xml"),
        ("application/xml, text/xml;q=NaN", None, "application/xml"),
        # Other parameters never prevent a match and are not echoed.
        ("application/xml; charset=utf-16; level=1", None, "application/xml"),
        ('application/xml; x="a, b";q=0.5, application/json;q=0.4', None, "application/xml"),
        # One bad element voids its line.
        ("bogus, application/xml", None, "application/json"),
        ("application/xml, garbage garbage", "text/json", "text/json"),
        ("application/xml;", None, "application/json"),
        ("application/xml;;q=1", None, "application/json"),
        ("application/xml;q=", None, "application/json"),
        ("application/xml; v=caf\u00e9", None, "application/json"),
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", "application/xml", "application/xml"),
        (", application/xml,,", None, "application/xml"),
        ("application/xml ; q=0.5 , application/json", None, "application/json"),
        ("application/xml\t;\tq\t=\t1", None, "application/xml"),
        ("application / xml", None, "application/xml"),
        # Lines that the server joined by a bare comma are voided one by one.
        ("application/xml,garbage garbage", None, "application/xml"),
        ("garbage garbage,application/xml;,text/xml", None, "text/xml"),
        ("garbage garbage", "application/xml", "application/xml"),
    ],
)
def test_the_answer_has_the_type_that_dotnet_chooses(
    accept: str | None, content_type: str | None, media_type: str
) -> None:
    negotiated = answer_to(accept, content_type)
    assert negotiated.media_type == media_type
    assert negotiated.writer is (XML if "xml" in media_type else JSON)


@pytest.mark.parametrize(
    ("accept", "x_requested_with", "media_type"),
    [
        (None, "XMLHttpRequest", "application/json"),
        (None, "xmlhttprequest", "application/json"),
        (None, "x, XMLHttpRequestX", "application/json"),
        ("", "XMLHttpRequest", "application/json"),
        ("garbage garbage", "XMLHttpRequest", "application/json"),
        ("*/*", "XMLHttpRequest", "application/json"),
        ("*/*;q=0", "XMLHttpRequest", "application/json"),
        ("*/*;q=5", "XMLHttpRequest", "application/xml"),
        ("text/html", "XMLHttpRequest", "text/xml"),
        ("application/*;q=0", "XMLHttpRequest", "text/xml"),
        ("*/*;q=0, */*;q=0", "XMLHttpRequest", "text/xml"),
        (None, "fetch", "text/xml"),
        (None, "", "text/xml"),
    ],
)
def test_jquery_gets_json_unless_it_asks_for_something(
    accept: str | None, x_requested_with: str, media_type: str
) -> None:
    assert answer_to(accept, "text/xml", x_requested_with=x_requested_with).media_type == media_type


# --- Accept-Charset -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept_charset", "charset"),
    [
        ("utf-16", "utf-16"),
        ("UTF-16", "utf-16"),
        ("utf-8, utf-16", "utf-8"),
        ("utf-16;q=0.5, utf-8", "utf-8"),
        ("utf-16 ; Q = 1.0 , utf-8;q=0.5", "utf-16"),
        ("iso-8859-1, utf-16;q=0.1", "utf-16"),
        ("*", "utf-8"),
        ("*, utf-16", "utf-16"),
        ("*, utf-16;q=0.9", "utf-8"),
        ("*;q=0.5, utf-16", "utf-16"),
        ("utf-8;q=0, utf-16;q=0.001", "utf-16"),
        ("utf-16;q=1.", "utf-16"),
        ("utf-16;q=01.000", "utf-16"),
        (",utf-16,", "utf-16"),
        ("utf-16,garbage garbage", "utf-16"),
        # Void, or none of ours: the charset of the request.
        (None, None),
        ("", None),
        ("*;q=0", None),
        ("utf-7, gb2312, unicode", None),
        ("utf-16;q=0", None),
        ("utf-16;q=0.000, utf-8;q=0", None),
        ("utf-16;q=2", None),
        ("utf-16, utf-8;q=1.001", None),
        ("utf-16;q=.5", None),
        ("utf-16;q=1.2.3", None),
        ("utf-16;q=-0", None),
        ("utf-16;q=", None),
        ("utf-16;q", None),
        ("utf-16;", None),
        ("utf-16;level=1", None),
        ("utf-16;q=0.5;level=1", None),
        ('utf-16;q="0.5"', None),
        ('"utf-16"', None),
        ("utf-16 utf-8", None),
        ("utf-16, caf\u00e9", None),
    ],
)
def test_the_charset_of_the_answer_is_asked_for_or_that_of_the_request(
    accept_charset: str | None, charset: str | None
) -> None:
    for sent in ("utf-8", "utf-16"):
        negotiated = answer_to(content_type=f"text/json; charset={sent}", accept_charset=accept_charset)
        assert negotiated.write_charset == (charset or sent)
        assert negotiated.read_charset == sent


# --- Remembering ----------------------------------------------------------------------------------------------------


def test_headers_seen_before_are_not_negotiated_again() -> None:
    recall = negotiator(ALL)
    first = recall("application/xml", "text/xml", None, None)
    assert recall("application/xml", "text/xml", None, None) is first
    assert recall("application/xml", None, "text/xml", None) is not first
    assert first == negotiate("application/xml", "text/xml", None, None, ALL)


def test_long_headers_are_negotiated_but_not_kept() -> None:
    recall = negotiator(ALL)
    accept = "text/xml" + "," * LONGEST_REMEMBERED
    assert recall(None, accept, None, None).media_type == "text/xml"
    assert recall(None, accept, None, None) is not recall(None, accept, None, None)


@pytest.mark.parametrize(
    "header",
    [
        "a/b;" * 20000,
        ", " * 40000 + "x",
        'a/b;x="' + "\\" * 80000,
        'a/b;x="' + '\\"' * 40000,
        "a/b;q=" + "9" * 80000,
        "a" * 80000,
        " " * 80000 + "/",
        "a/b;x" + " " * 80000 + "y",
        "text/xml;q=0,".join([""] * 5000),
    ],
)
def test_a_hostile_header_is_a_header_like_any_other(header: str) -> None:
    assert negotiate(header, header, header, header, ALL).media_type == "application/json"
