"""The three formats side by side: one request, three spellings, one instance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refund_api.http.formatters import OUTSIDE_ANY_ACTION, formatters_for
from refund_api.http.media import Formatter, HttpError
from schemas.conversions import WHITE_SPACE
from schemas.reasons import ConversionFault, FormFault, JsonFault
from tests.wire import FORMATS, Members
from xml_contracts.declare import data_contract, member
from xml_contracts.errors import DeclarationError, ValueNotWritable
from xml_contracts.reading import Problem, Reading, Skipped
from xml_contracts.reasons import TextFault, XmlFault
from xml_contracts.refund import ApiResult, Terminal, TicketRefundRequest

FORMATTERS = JSON, XML, FORM = formatters_for(TicketRefundRequest, ApiResult)

TEXTS = ("sign", "time_stamp", "order_number", "refund_passanger_ids", "refund_reason")
WRITE = {form.name: form.write for form in FORMATS}

# XML 1.0 Char: the two others carry more.
XML_CHARS = st.characters(
    exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff", include_characters="\t\n\r\x7f\x85"
)
NON_BLANK = st.text(XML_CHARS, min_size=1, max_size=12).filter(lambda text: text.strip(WHITE_SPACE))
REQUESTS = st.fixed_dictionaries(
    {"random": st.integers(-(2**31), 2**31 - 1), "terminal": st.just(1)}, optional=dict.fromkeys(TEXTS, NON_BLANK)
)


def read(formatter: Formatter, members: Members) -> Reading[Any]:
    return formatter.read(WRITE[formatter.name](members), "utf-8")


@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(REQUESTS)
def test_a_request_reads_the_same_from_every_format(members: dict[str, Any]) -> None:
    expected: Reading[Any] = Reading(TicketRefundRequest(**members))
    assert [read(formatter, members) for formatter in FORMATTERS] == [expected] * 3


@pytest.mark.parametrize(
    ("text", "in_json", "in_xml", "in_form"),
    [
        ("", "", "", None),
        (" ", " ", " ", None),
        ("\t\n", "\t\n", "\t\n", None),
        ("\xa0\u3000", "\xa0\u3000", "\xa0\u3000", None),
        ("\u200b", "\u200b", "\u200b", "\u200b"),
    ],
)
def test_blank_text_differs_by_format(text: str, in_json: str, in_xml: str, in_form: str | None) -> None:
    values = [read(formatter, {"sign": text}).value for formatter in (JSON, XML, FORM)]
    assert values == [TicketRefundRequest(sign=sign) for sign in (in_json, in_xml, in_form)]


@pytest.mark.parametrize("formatter", [JSON, XML])
def test_null_is_none_where_the_format_has_a_null(formatter: Formatter) -> None:
    assert read(formatter, {"sign": None}) == Reading(TicketRefundRequest())


@pytest.mark.parametrize("formatter", FORMATTERS)
@pytest.mark.parametrize("charset", ["utf-8", "utf-16"])
def test_an_empty_body_is_no_model_and_no_error(formatter: Formatter, charset: str) -> None:
    assert formatter.read(b"", charset) == Reading(None, (), ())


@pytest.mark.parametrize(
    ("formatter", "body", "problem"),
    [
        (JSON, b"[]", Problem(None, JsonFault.NOT_AN_OBJECT)),
        (JSON, b'{"sign":[]}', Problem("sign", JsonFault.NOT_TEXT)),
        (JSON, b"{", Problem(None, JsonFault.NOT_JSON_AT, (1,))),
        (JSON, b"<a/>", Problem(None, JsonFault.NOT_JSON_AT, (0,))),
        (FORM, b"sign[=1", Problem(None, FormFault.OPEN_BRACKET)),
    ],
)
def test_an_unreadable_body_is_a_value_with_the_reason(formatter: Formatter, body: bytes, problem: Problem) -> None:
    assert formatter.read(body, "utf-8") == Reading(None, (problem,))


@pytest.mark.parametrize("body", [b" ", b"<a/>", b"{}", b"<TicketRefundRequest/>"])
def test_unreadable_xml_is_a_value_too(body: bytes) -> None:
    reading = XML.read(body, "utf-8")
    (problem,) = reading.errors
    assert reading == Reading(None, (problem,))
    assert isinstance(problem.reason, TextFault | XmlFault)


def test_members_that_do_not_convert_are_named_and_the_rest_is_kept() -> None:
    members = {"random": "x", "terminal": "x", "sign": "s"}
    expected = {
        Problem("terminal", ConversionFault.NOT_OF_ENUM, ("Terminal",)),
        Problem("random", ConversionFault.NOT_INT32),
    }
    for formatter in (JSON, FORM):
        reading = read(formatter, members)
        assert reading.value == TicketRefundRequest(sign="s")
        assert set(reading.errors) == expected


@pytest.mark.parametrize(
    ("formatter", "body", "kept", "reason"),
    [
        (JSON, b'{"order_number":"1","order_number":"2","u":3}', "2", Skipped.REPEATED_LAST_COUNTS),
        (FORM, b"order_number=1&order_number=2&u=3", "1", Skipped.REPEATED_FIRST_COUNTS),
        (
            XML,
            WRITE["xml"]({"order_number": "1"}).replace(
                b"</order_number>", b"</order_number><order_number>2</order_number><u>3</u>"
            ),
            "1",
            Skipped.REPEATED_FIRST_COUNTS,
        ),
    ],
)
def test_every_format_tells_what_it_skipped(formatter: Formatter, body: bytes, kept: str, reason: Skipped) -> None:
    ignored = (Problem("order_number", reason), Problem("u", Skipped.UNKNOWN))
    assert formatter.read(body, "utf-8") == Reading(TicketRefundRequest(order_number=kept), ignored=ignored)


def test_the_order_of_the_formatters_and_their_media_types_is_policy() -> None:
    assert [formatter.name for formatter in FORMATTERS] == ["json", "xml", "form"]
    assert [[str(media_type) for media_type in formatter.media_types] for formatter in FORMATTERS] == [
        ["application/json", "text/json"],
        ["application/xml", "text/xml"],
        ["application/x-www-form-urlencoded"],
    ]
    assert FORM.write is None
    assert [f.name for f in formatters_for(TicketRefundRequest, ApiResult, ("form", "json"))] == ["json", "form"]


@pytest.mark.parametrize(
    ("formats", "words"),
    [
        (("json", "yaml", "JSON"), "no such format: JSON, yaml; there are json, xml, form"),
        (("form",), "TicketRefundRequest: none of its formats can write an answer"),
        ((), "none of its formats can write an answer"),
    ],
)
def test_formats_that_do_not_exist_or_cannot_answer_are_refused(formats: tuple[str, ...], words: str) -> None:
    with pytest.raises(DeclarationError, match=words):
        formatters_for(TicketRefundRequest, ApiResult, formats)


@data_contract(namespace="urn:zoo")
@dataclass(frozen=True)
class Feed:
    grams: int = member(default=0)


@data_contract(namespace="urn:zoo")
@dataclass(frozen=True)
class Fed:
    by: str | None = member(default=None)


def test_any_pair_of_contracts_has_formatters() -> None:
    json, xml, form = formatters_for(Feed, Fed)
    bodies = [b'{"grams":"5"}', b'<Feed xmlns="urn:zoo"><grams>5</grams></Feed>', b"grams=0x5"]
    readings = [formatter.read(body, "utf-8") for formatter, body in zip((json, xml, form), bodies, strict=True)]
    assert readings == [Reading(Feed(5))] * 3
    assert json.write is not None and json.write(Fed("Ann"), "utf-8") == b'{"by":"Ann"}'
    assert xml.write is not None and b"<by>Ann</by></Fed>" in xml.write(Fed("Ann"), "utf-8")


def test_answers_outside_any_action_are_those_of_the_actions_formatters() -> None:
    error = HttpError("No <such> 资源")
    assert [formatter.name for formatter in OUTSIDE_ANY_ACTION] == ["json", "xml"]
    for outside, of_action in zip(OUTSIDE_ANY_ACTION, (JSON, XML), strict=True):
        assert outside.media_types == of_action.media_types
        assert outside.read(b"anything", "utf-8") == Reading(None)
        for charset in ("utf-8", "utf-16"):
            assert outside.write is not None and of_action.write is not None
            assert outside.write(error, charset) == of_action.write(error, charset)


RESULT = ApiResult(code=1, message="取消 <&>", data=None)
NAMESPACE = "http://schemas.datacontract.org/2004/07/ChinaTrainTickets.Web.Areas.webApi.Models"


@pytest.mark.parametrize(
    ("formatter", "value", "text"),
    [
        (JSON, RESULT, '{"code":1,"message":"取消 <&>","data":null}'),
        (JSON, HttpError("No <such> 资源"), '{"Message":"No <such> 资源"}'),
        (
            XML,
            RESULT,
            f'<ApiResultOfstring xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns="{NAMESPACE}">'
            '<code>1</code><data i:nil="true" /><message>取消 &lt;&amp;&gt;</message></ApiResultOfstring>',
        ),
        (XML, HttpError("No <such> 资源"), "<Error><Message>No &lt;such&gt; 资源</Message></Error>"),
    ],
)
def test_answers_are_written_in_both_encodings(formatter: Formatter, value: ApiResult | HttpError, text: str) -> None:
    assert formatter.write is not None
    assert formatter.write(value, "utf-8") == text.encode()
    assert formatter.write(value, "utf-16") == b"\xff\xfe" + text.encode("utf-16-le")


@pytest.mark.parametrize("formatter", [JSON, XML])
@pytest.mark.parametrize("value", [ApiResult(message="\ud800"), HttpError("\ud800")])
def test_a_lone_surrogate_is_not_writable(formatter: Formatter, value: ApiResult | HttpError) -> None:
    assert formatter.write is not None
    with pytest.raises(ValueNotWritable):
        formatter.write(value, "utf-8")


SAMPLE_JSON = (
    '{ "order_number": "sample string 1", "refund_passanger_ids": "sample string 2", "refund_reason": "sample string 3",'
    ' "terminal": 1, "time_stamp": "sample string 4", "random": 5, "sign": "sample string 6" }'
)
SAMPLE_XML = (
    '<TicketRefundRequest xmlns:i="http://www.w3.org/2001/XMLSchema-instance"'
    ' xmlns="http://schemas.datacontract.org/2004/07/ChinaTrainTickets.Web.Areas.webApi.Models">'
    ' <random xmlns="http://schemas.datacontract.org/2004/07/ChinaTrainTickets.Web.Models">5</random>'
    ' <sign xmlns="http://schemas.datacontract.org/2004/07/ChinaTrainTickets.Web.Models">sample string 6</sign>'
    ' <terminal xmlns="http://schemas.datacontract.org/2004/07/ChinaTrainTickets.Web.Models">WEBPAGEEnum</terminal>'
    ' <time_stamp xmlns="http://schemas.datacontract.org/2004/07/ChinaTrainTickets.Web.Models">sample string 4</time_stamp>'
    " <order_number>sample string 1</order_number> <refund_passanger_ids>sample string 2</refund_passanger_ids>"
    " <refund_reason>sample string 3</refund_reason> </TicketRefundRequest>"
)


def test_the_sample_of_the_help_page_reads_to_equal_instances_in_both_formats() -> None:
    from_json, from_xml = JSON.read(SAMPLE_JSON.encode(), "utf-8"), XML.read(SAMPLE_XML.encode(), "utf-8")
    assert from_json == from_xml
    assert from_xml.value == TicketRefundRequest(
        terminal=Terminal.WEBPAGEEnum,
        time_stamp="sample string 4",
        random=5,
        sign="sample string 6",
        order_number="sample string 1",
        refund_passanger_ids="sample string 2",
        refund_reason="sample string 3",
    )
