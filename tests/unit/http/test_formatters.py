"""The three formats side by side: one request, three spellings, one instance."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refund_api.http.formatters import FORM, FORMATTERS, JSON, XML
from refund_api.http.media import Bound, Formatter, HttpError
from schemas.conversions import WHITE_SPACE
from tests.wire import FORMATS, Members
from xml_contracts.errors import ValueNotWritable
from xml_contracts.refund import ApiResult, Terminal, TicketRefundRequest

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


def read(formatter: Formatter, members: Members) -> Bound[Any]:
    return formatter.read(WRITE[formatter.name](members), "utf-8")


@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(REQUESTS)
def test_a_request_reads_the_same_from_every_format(members: dict[str, Any]) -> None:
    expected: Bound[Any] = Bound(TicketRefundRequest(**members))
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
    found = [read(formatter, {"sign": text}).value for formatter in (JSON, XML, FORM)]
    assert found == [TicketRefundRequest(sign=sign) for sign in (in_json, in_xml, in_form)]


@pytest.mark.parametrize("formatter", [JSON, XML])
def test_null_is_none_where_the_format_has_a_null(formatter: Formatter) -> None:
    assert read(formatter, {"sign": None}) == Bound(TicketRefundRequest())


@pytest.mark.parametrize("formatter", FORMATTERS)
@pytest.mark.parametrize("charset", ["utf-8", "utf-16"])
def test_an_empty_body_is_no_model_and_no_error(formatter: Formatter, charset: str) -> None:
    assert formatter.read(b"", charset) == Bound(None, (), ())


@pytest.mark.parametrize(
    ("formatter", "body", "reason"),
    [
        (JSON, b"[]", "JSON cannot be read: an object expected"),
        (JSON, b'{"sign":[]}', "JSON cannot be read: sign must be text"),
        (JSON, b"{", "JSON cannot be read: not JSON at character 1"),
        (JSON, b"<a/>", "JSON cannot be read: not JSON at character 0"),
        (FORM, b"sign[=1", "form cannot be read: a name has [ without ]"),
    ],
)
def test_an_unreadable_body_is_a_value_with_the_reason(formatter: Formatter, body: bytes, reason: str) -> None:
    assert formatter.read(body, "utf-8") == Bound(None, ((None, reason),))


@pytest.mark.parametrize("body", [b" ", b"<a/>", b"{}", b"<TicketRefundRequest/>"])
def test_unreadable_xml_is_a_value_too(body: bytes) -> None:
    bound = XML.read(body, "utf-8")
    assert bound.value is None
    assert len(bound.errors) == 1
    member, reason = bound.errors[0]
    assert member is None
    assert reason.startswith("XML cannot be read: ")


def test_members_that_do_not_convert_are_named_and_the_rest_is_kept() -> None:
    members = {"random": "x", "terminal": "x", "sign": "s"}
    expected = (("terminal", "not a Terminal"), ("random", "not a 32-bit integer"))
    for formatter in (JSON, FORM):
        bound = read(formatter, members)
        assert bound.value == TicketRefundRequest(sign="s")
        assert sorted(bound.errors) == sorted(expected)


def test_elements_skipped_in_xml_are_told() -> None:
    request = WRITE["xml"]({"order_number": "1"}).replace(
        b"</order_number>", b"</order_number><order_number>2</order_number>"
    )
    bound = XML.read(request, "utf-8")
    assert bound.value == TicketRefundRequest(order_number="1")
    assert [name for name, _ in bound.ignored] == ["order_number"]


def test_the_order_of_the_formatters_and_their_media_types_is_policy() -> None:
    assert FORMATTERS == (JSON, XML, FORM)
    assert [[str(media_type) for media_type in formatter.media_types] for formatter in FORMATTERS] == [
        ["application/json", "text/json"],
        ["application/xml", "text/xml"],
        ["application/x-www-form-urlencoded"],
    ]
    assert FORM.write is None


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
