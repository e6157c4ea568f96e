"""The bytes of an answer (wire-facts section 5); the texts that XML can carry are read back too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.xml_contracts.documents import EMPTY, FULL, MODELS, SERIALIZER, WEB_API_MODELS
from xml_contracts import DataContractSerializer, ValueNotWritable
from xml_contracts.refund import ApiResult
from xml_contracts.writer import xml_text

RESULT = DataContractSerializer(ApiResult)
XSI = "http://www.w3.org/2001/XMLSchema-instance"


def result(content: str) -> str:
    return f'<ApiResultOfstring xmlns:i="{XSI}" xmlns="{WEB_API_MODELS}">{content}</ApiResultOfstring>'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (ApiResult(), result('<code>0</code><data i:nil="true" /><message i:nil="true" />')),
        (ApiResult(-1, "ok", ""), result("<code>-1</code><data></data><message>ok</message>")),
        (ApiResult(2147483647, "m", "d"), result("<code>2147483647</code><data>d</data><message>m</message>")),
        (None, f'<ApiResultOfstring i:nil="true" xmlns:i="{XSI}" xmlns="{WEB_API_MODELS}" />'),
    ],
)
def test_members_are_written_in_ordinal_order_without_a_declaration_and_read_back(
    value: ApiResult | None, text: str
) -> None:
    assert RESULT.write(value) == text.encode()
    assert RESULT.write(value, "utf-16") == b"\xff\xfe" + text.encode("utf-16-le")
    for charset in ("utf-8", "utf-16"):
        assert RESULT.read(RESULT.write(value, charset), charset) == value


def test_a_member_of_the_base_contract_carries_its_own_namespace() -> None:
    own = f' xmlns="{MODELS}"'
    start = f'<TicketRefundRequest xmlns:i="{XSI}" xmlns="{WEB_API_MODELS}">'
    assert SERIALIZER.write(replace(FULL, sign=None, refund_reason=None)).decode() == (
        f'{start}<random{own}>10482</random><sign i:nil="true"{own} /><terminal{own}>WEBPAGEEnum</terminal>'
        f"<time_stamp{own}>20261123081022</time_stamp><order_number>CTT1</order_number>"
        '<refund_passanger_ids>3288010F</refund_passanger_ids><refund_reason i:nil="true" /></TicketRefundRequest>'
    )
    assert SERIALIZER.read(SERIALIZER.write(FULL)) == FULL


BOTH_WAYS = [
    # text, as written
    ("", ""),
    (" \t ", " \t "),
    ("a<b>c&d\"e'f", "a&lt;b&gt;c&amp;d\"e'f"),
    ("]]>", "]]&gt;"),
    ("&amp;", "&amp;amp;"),
    ("a\nb\n\nc", "a\r\nb\r\n\r\nc"),
    ("行程 é \x7f\x85\xa0\u2028\ufeff 😀", "行程 é \x7f\x85\xa0\u2028\ufeff 😀"),
]
ONE_WAY = [
    ("\r", "\r\n"),
    ("\r\n", "\r\n"),
    ("\r\r\n\n", "\r\n\r\n\r\n"),
    ("\0\1\b\v\f\x0e\x1f", "&#x0;&#x1;&#x8;&#xB;&#xC;&#xE;&#x1F;"),
    ("\ufffe\uffff\ufffd", "&#xFFFE;&#xFFFF;\ufffd"),
]


@pytest.mark.parametrize(("text", "written"), BOTH_WAYS + ONE_WAY)
def test_text_is_written_as_xml_writer_writes_it(text: str, written: str) -> None:
    assert xml_text(text) == written
    assert written.encode() in RESULT.write(ApiResult(1, text))


@pytest.mark.parametrize("text", [text for text, _ in BOTH_WAYS])
def test_text_that_xml_can_carry_is_read_back(text: str) -> None:
    assert RESULT.read(RESULT.write(ApiResult(1, text))) == ApiResult(1, text)


@pytest.mark.parametrize("surrogate", [0xD800, 0xDBFF, 0xDC00, 0xDFFF])
def test_a_lone_surrogate_is_not_writable(surrogate: int) -> None:
    name = f"lone surrogate U\\+{surrogate:04X}"
    with pytest.raises(ValueNotWritable, match=name):
        xml_text(f"a{chr(surrogate)}b")
    with pytest.raises(ValueNotWritable, match=rf"ApiResultOfstring\.message: {name}"):
        RESULT.write(ApiResult(1, chr(surrogate)))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (replace(FULL, terminal=99), r"TicketRefundRequest\.terminal: 99 is not a valid Terminal"),
        (EMPTY, r"TicketRefundRequest\.terminal: 0 is not a valid Terminal"),
        (replace(FULL, random=2**31), r"TicketRefundRequest\.random: 2147483648 is not an Int32"),
    ],
)
def test_a_value_the_type_does_not_have_is_not_writable(value: Any, words: str) -> None:
    with pytest.raises(ValueNotWritable, match=words):
        SERIALIZER.write(value)


@pytest.mark.parametrize(
    ("value", "member"),
    [
        (ApiResult(None), "code"),  # type: ignore[arg-type]
        (ApiResult("1"), "code"),  # type: ignore[arg-type]
        (ApiResult(1, 5), "message"),  # type: ignore[arg-type]
    ],
)
def test_a_value_of_another_type_is_not_writable(value: ApiResult, member: str) -> None:
    with pytest.raises(ValueNotWritable, match=rf"ApiResultOfstring\.{member}: "):
        RESULT.write(value)
