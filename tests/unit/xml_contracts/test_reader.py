"""The contract rules of reading (wire-facts 4.14-4.27), and that no body does harm."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.xml_contracts.documents import (
    EMPTY,
    FULL,
    FULL_CONTENT,
    MODELS,
    SERIALIZER,
    WEB_API_MODELS,
    document,
    read,
)
from xml_contracts import DocumentError, Problem, Reading, Skipped
from xml_contracts.reading import MOST_UNKNOWN
from xml_contracts.reasons import MemberFault
from xml_contracts.refund import TicketRefundRequest

S = "<b:sign>s</b:sign>"


def test_a_whole_document_is_read_whatever_its_prefixes() -> None:
    assert read(document(FULL_CONTENT)) == FULL
    default = FULL_CONTENT.replace("<b:", "<").replace("</b:", "</")
    for name in ("random", "sign", "terminal", "time_stamp"):
        default = default.replace(f"<{name}>", f'<{name} xmlns="{MODELS}">')
    assert read(f'<TicketRefundRequest xmlns="{WEB_API_MODELS}">\r\n{default}</TicketRefundRequest>') == FULL


READ = [
    # content, the members that differ from the defaults
    ("", {}),
    (" \t\r\n<!-- c -->&#32;&#13;<![CDATA[]]><![CDATA[ ]]>", {}),
    ("<order_number/>", {"order_number": ""}),
    ("<order_number></order_number>", {"order_number": ""}),
    ("<order_number>  a\tb\r\nc&#13; </order_number>", {"order_number": "  a\tb\nc\r "}),
    ("<order_number>a<!-- c -->b<![CDATA[<c>]]>&lt;&amp;&gt;&quot;&apos;</order_number>",
     {"order_number": "ab<c><&>\"'"}),
    ("<order_number>\x7f\x85\u2028\ufeff\U0001fffe😀&#x1F600;</order_number>",
     {"order_number": "\x7f\x85\u2028\ufeff\U0001fffe😀😀"}),
    ("<b:random> +7 </b:random>", {"random": 7}),
    ("<b:random>1<!-- c -->2<![CDATA[3]]>&#52;</b:random>", {"random": 1234}),
    # i:nil
    ("<order_number i:nil='true'>x<y/>z</order_number>", {}),
    ("<order_number i:nil=' &#9;1 '/>", {}),
    ("<order_number i:nil='false'/>", {"order_number": ""}),
    ("<order_number i:nil='0'>x</order_number>", {"order_number": "x"}),
    ("<order_number nil='true'/>", {"order_number": ""}),
    ("<order_number xmlns:i='urn:x' i:nil='true'/>", {"order_number": ""}),
    ("<order_number i:nil='true'><u i:nil='zz'/></order_number>", {}),
    ("<b:random i:nil='false'>7</b:random>", {"random": 7}),
    # i:type
    ("<b:random i:type='x:boolean'>7</b:random>", {"random": 7}),
    ("<order_number i:type='nowhere:Foo'>x</order_number>", {"order_number": "x"}),
    ("<b:terminal i:type='b:Terminal'>WEBPAGEEnum</b:terminal>", {"terminal": 1}),
    ("<b:terminal i:type=''>WEBPAGEEnum</b:terminal>", {"terminal": 1}),
    ("<b:terminal i:type='x:int'>99</b:terminal>", {"terminal": 99}),
    # z:Id and z:Ref
    (S.replace("<b:sign", "<b:sign z:Id='1'") + "<order_number z:Ref='1'>x<y/></order_number>",
     {"sign": "s", "order_number": "s"}),
    (S.replace("<b:sign", "<b:sign z:Id='1'") + "<order_number z:Ref='1' i:nil='true'/>",
     {"sign": "s", "order_number": "s"}),
    ("<b:sign z:Id='1' i:nil='true'/><order_number z:Id='1'>x</order_number>", {"order_number": "x"}),
    ("<u z:Id='1'/><u z:Id='1'/><u z:Ref='2'/><b:random z:Size='3'>7</b:random>", {"random": 7}),
    # other attributes
    ("<order_number a='1' xml:lang='en' xml:space='x' xml:id='1 2' i:foo='a' z:Type='t'>x</order_number>",
     {"order_number": "x"}),
    # skipped elements
    ("<u/><x:u>t<v i:nil='zz' z:Id=''/></x:u><order_number>x</order_number>", {"order_number": "x"}),
    ("<u xml:id='a'/><u xml:id='a'/>", {}),
    # namespace names that are no URI
    ("<u xmlns='a b'/><u xmlns='行程' xmlns:w='%%%'><w:v/></u><u xmlns='rel'/><order_number>x</order_number>",
     {"order_number": "x"}),
]  # fmt: skip


@pytest.mark.parametrize(("content", "members"), READ)
def test_what_is_read(content: str, members: dict[str, Any]) -> None:
    assert read(document(content)) == replace(EMPTY, **members)


REFUSED = [
    # content, words of the reason
    ("stray", "text outside the members: 'stray'"),
    (S + "\xa0", "outside the members"),
    (S + "&#x85;" + S, "outside the members"),
    ("<![CDATA[x]]>", "outside the members"),
    ("<order_number><b/></order_number>", "order_number: an element inside"),
    ("<order_number>x<b>y</b></order_number>", "order_number: an element inside"),
    ("<b:random><b/></b:random>", "random: an element inside"),
    ("<b:terminal><b/>WEBPAGEEnum</b:terminal>", "terminal: an element inside"),
    ("<b:random/>", "random: not an Int32: ''"),
    ("<b:random>abc</b:random>", "random: not an Int32: 'abc'"),
    ("<b:random>2147483648</b:random>", "random: out of the range of an Int32: '2147483648'"),
    ("<b:terminal>1</b:terminal>", "terminal: not a name of the enum: '1', 'Terminal'"),
    ("<b:terminal/>", "terminal: not a name of the enum: ''"),
    ("<order_number i:nil='TRUE'/>", "i:nil is not a boolean: 'TRUE'"),
    ("<order_number i:nil=''/>", "i:nil is not a boolean: ''"),
    ("<order_number i:nil='&#160;true'/>", "is not a boolean"),
    ("<b:random i:nil='true'/>", "random: a value type has no i:nil"),
    ("<b:terminal i:nil='1'/>", "terminal: a value type has no i:nil"),
    ("<b:random z:Id='1'>7</b:random>", "random: a value type"),
    ("<b:random z:Ref='1'>7</b:random>", "random: a value type"),
    ("<b:terminal z:Id='1'>WEBPAGEEnum</b:terminal>", "terminal: a value type"),
    ("<b:terminal i:type='Terminal'>WEBPAGEEnum</b:terminal>", "terminal: unknown i:type: 'Terminal'"),
    ("<b:terminal i:type='nowhere:Terminal'>WEBPAGEEnum</b:terminal>", "unknown i:type"),
    ("<b:terminal i:type='x:string'>WEBPAGEEnum</b:terminal>", "unknown i:type"),
    ("<b:terminal i:type='x:int'>WEBPAGEEnum</b:terminal>", "terminal: not an Int32: 'WEBPAGEEnum'"),
    ("<order_number z:Id=''>x</order_number>", "empty attribute: 'z:Id'"),
    ("<order_number z:Ref=''>x</order_number>", "empty attribute: 'z:Ref'"),
    ("<order_number z:Ref='9'/>", "order_number: no such z:Id before it, or not of its type: '9'"),
    (
        "<b:sign z:Ref='1'/><order_number z:Id='1'>x</order_number>",
        "sign: no such z:Id before it, or not of its type: '1'",
    ),
    ("<u z:Id='1'>x</u><order_number z:Ref='1'/>", "order_number: no such z:Id before it, or not of its type: '1'"),
    ("<b:sign z:Id='1'>s</b:sign><order_number z:Id='1'>s</order_number>", "order_number: z:Id is not unique: '1'"),
    (
        "<b:sign z:Id=' 1 '>s</b:sign><order_number z:Ref='1'/>",
        "order_number: no such z:Id before it, or not of its type: '1'",
    ),
    # skipped, but their own attributes are read
    ("<u i:nil='zz'/>", "i:nil is not a boolean: 'zz'"),
    ("<u z:Id=''/>", "empty attribute: 'z:Id'"),
    ("<u z:Size='x'/>", "z:Size is not a size: 'x'"),
    ("<u z:Size='-1'/>", "z:Size is not a size: '-1'"),
    (S + "<b:random i:nil='zz'/>", "i:nil is not a boolean: 'zz'"),
    # not well-formed
    ("<unknown", "not well-formed XML: 1, "),
    ("<nowhere:u/>", "not well-formed"),
    ("<u nowhere:a='1'/>", "not well-formed"),
    ("<u a='1' a='2'/>", "not well-formed"),
    ("<u x:a='1' xmlns:y='http://www.w3.org/2001/XMLSchema' y:a='2'/>", "not well-formed"),
    ("<u a='<'/>", "not well-formed"),
    ("<u a='1'b='2'/>", "not well-formed"),
    ("<order_number>]]></order_number>", "not well-formed"),
    ("<order_number>\x01</order_number>", "not well-formed"),
    ("<order_number>\ufffe</order_number>", "not well-formed"),
    ("<order_number>&#x110000;</order_number>", "not well-formed"),
    ("<order_number>&#65</order_number>", "not well-formed"),
    ("<a:b:c xmlns:a='urn:a'/>", "not well-formed"),
    ("<u xmlns='a b'></v>", "not well-formed"),
    ("<u xmlns='a b'/></TicketRefundRequest><u>", "not well-formed"),
    ("<u xmlns='a b'/><u xmlns:y=''/>", "not well-formed"),
]


@pytest.mark.parametrize(("content", "words"), REFUSED)
def test_what_is_refused_and_why(content: str, words: str) -> None:
    with pytest.raises(DocumentError) as refusal:
        read(document(content))
    assert words in str(refusal.value)


@pytest.mark.parametrize("harmless", ["<u xmlns='s'/>", "<u xmlns='a b'/>", "<u xml:space='x'/>"])
@pytest.mark.parametrize(
    "wrong",
    [
        "<q:u/>",
        "<u q:a='1'/>",
        "<u xmlns:p='u' xmlns:q='u' p:a='1' q:a='2'/>",
        "<u :=''/>",
        "<a:b:c/>",
        "<u xmlns:p=''/>",
    ],
)
def test_a_namespace_error_refuses_a_document_whatever_stands_before_or_behind_it(wrong: str, harmless: str) -> None:
    assert read(document(harmless)) == EMPTY
    for content in (wrong + harmless, harmless + wrong, harmless * 200 + wrong, harmless * 200 + wrong + harmless):
        with pytest.raises(DocumentError, match="not well-formed XML"):
            read(document(content))


def test_equal_names_are_of_one_namespace_and_not_of_two_that_read_alike() -> None:
    assert read(document("<u xmlns='s' xmlns:p='s' xmlns:q='st' p:tu='1' q:u='2'/>")) == EMPTY


@pytest.mark.parametrize(
    ("root", "attributes", "value"),
    [
        ("TicketRefundRequest", "", FULL),
        ("b:BaseRequest", "", FULL),
        ("z:anyType", "", FULL),
        ("TicketRefundRequest", ' i:type="TicketRefundRequest"', FULL),
        ("TicketRefundRequest", ' i:type=":TicketRefundRequest"', FULL),
        ("z:anyType", ' i:type="TicketRefundRequest"', FULL),
        ("TicketRefundRequest", ' i:type=""', FULL),
        ("TicketRefundRequest", ' i:nil="false" z:Id="r" foo="bar"', FULL),
        ("TicketRefundRequest", ' i:nil="true"', None),
        ("TicketRefundRequest", ' i:nil="1" i:type="Foo"', None),
        ("b:BaseRequest", ' i:nil=" true "', None),
    ],
)
def test_roots_that_are_read(root: str, attributes: str, value: TicketRefundRequest | None) -> None:
    assert read(document(FULL_CONTENT, root=root, attributes=attributes)) == value


@pytest.mark.parametrize(
    ("root", "attributes", "words"),
    [
        ("ticketrefundrequest", "", "another root element: 'ticketrefundrequest', "),
        ("BaseRequest", "", "another root element: 'BaseRequest'"),
        ("b:TicketRefundRequest", "", f"'{MODELS}', 'TicketRefundRequest', '{WEB_API_MODELS}'"),
        ("anyType", "", "another root element: 'anyType'"),
        ("TicketRefundRequest", ' i:nil="x"', "i:nil is not a boolean: 'x'"),
        ("TicketRefundRequest", ' i:type="Foo"', "the root has an unknown i:type: 'TicketRefundRequest', 'Foo'"),
        ("TicketRefundRequest", ' i:type="b:BaseRequest"', "unknown i:type"),
        ("TicketRefundRequest", ' i:type="x:int"', "unknown i:type"),
        ("TicketRefundRequest", ' z:Ref="r"', "the root is a z:Ref: 'TicketRefundRequest', 'r'"),
        ("TicketRefundRequest", ' z:Ref="r" i:nil="true"', "the root is a z:Ref: 'TicketRefundRequest', 'r'"),
        ("TicketRefundRequest", ' z:Id=""', "empty attribute: 'z:Id'"),
        ("TicketRefundRequest", ' xmlns="urn:x"', "not well-formed"),
    ],
)  # fmt: skip
def test_roots_that_are_refused(root: str, attributes: str, words: str) -> None:
    with pytest.raises(DocumentError) as refusal:
        read(document(root=root, attributes=attributes))
    assert words in str(refusal.value)


def test_a_root_without_a_namespace_is_refused() -> None:
    with pytest.raises(DocumentError, match="another root element: 'TicketRefundRequest', ''"):
        read("<TicketRefundRequest/>")


@pytest.mark.parametrize("content", ["<b:sign z:Ref='r'/>", "<b:sign z:Id='r'>s</b:sign>"])
def test_the_id_of_the_root_is_neither_a_string_nor_free(content: str) -> None:
    with pytest.raises(DocumentError, match="sign: "):
        read(document(content, attributes=" z:Id='r'"))


S_REPEATED = Problem("sign", Skipped.REPEATED_FIRST_COUNTS)
RANDOM_LATE = Problem("random", Skipped.OUT_OF_ORDER, ("sign",))

IGNORED = [
    # content, what is read, what is skipped
    ("<u/><u/>", {}, [Problem("u", Skipped.UNKNOWN)]),
    ("<Sign>x</Sign>", {}, [Problem("Sign", Skipped.UNKNOWN)]),
    ("<sign>x</sign>", {}, [Problem("sign", Skipped.WRONG_NAMESPACE, (MODELS,))]),
    ("<b:order_number>x</b:order_number>", {}, [Problem("order_number", Skipped.WRONG_NAMESPACE, (WEB_API_MODELS,))]),
    (S + "<b:sign>other</b:sign>", {"sign": "s"}, [S_REPEATED]),
    (S + "<b:random>7</b:random>", {"sign": "s"}, [RANDOM_LATE]),
    (S + "<b:random>7</b:random><u/><b:random/><b:sign/>", {"sign": "s"},
     [RANDOM_LATE, Problem("u", Skipped.UNKNOWN), S_REPEATED]),
    ("<order_number>x</order_number>" + S + "<b:random>bad</b:random>", {"order_number": "x"},
     [Problem("sign", Skipped.OUT_OF_ORDER, ("order_number",)),
      Problem("random", Skipped.OUT_OF_ORDER, ("order_number",))]),
    (S + "<order_number>x</order_number><b:random>7</b:random><b:time_stamp>t</b:time_stamp>",
     {"sign": "s", "order_number": "x"},
     [RANDOM_LATE, Problem("time_stamp", Skipped.OUT_OF_ORDER, ("order_number",))]),
    (S + "<b:random>7</b:random><order_number>x</order_number>", {"sign": "s", "order_number": "x"}, [RANDOM_LATE]),
    (f"<{'u' * 500}/>", {}, [Problem("u" * 40, Skipped.UNKNOWN)]),
]  # fmt: skip


@pytest.mark.parametrize(("content", "members", "ignored"), IGNORED)
def test_what_is_skipped_is_told_with_its_reason(content: str, members: dict[str, Any], ignored: list[Problem]) -> None:
    reading = SERIALIZER.read_document(document(content).encode())
    assert reading == Reading(replace(EMPTY, **members), ignored=tuple(ignored))


def test_of_ten_thousand_unknown_names_a_few_are_kept_and_the_rest_is_counted() -> None:
    content = "".join(f"<u{number}/>" for number in range(10_000)) + S + "<b:random/>"
    ignored = SERIALIZER.read_document(document(content).encode()).ignored
    kept = [Problem(f"u{number}", Skipped.UNKNOWN) for number in range(MOST_UNKNOWN)]
    assert ignored == (*kept, RANDOM_LATE, Problem(None, Skipped.MORE_UNKNOWN, (10_000 - MOST_UNKNOWN,)))


def test_a_document_error_tells_reason_member_and_arguments_apart() -> None:
    with pytest.raises(DocumentError) as refusal:
        read(document("<b:random>abc</b:random>"))
    assert refusal.value.problem == Problem("random", MemberFault.NOT_INT32, ("abc",))


@pytest.mark.parametrize(("levels", "is_read"), [(254, True), (255, True), (256, False), (5000, False)])
@pytest.mark.parametrize("innermost", ["<u></u>", "<u/>"])
def test_256_levels_are_read_and_257_are_refused(levels: int, is_read: bool, innermost: str) -> None:
    deep = document("<u>" * (levels - 1) + innermost + "</u>" * (levels - 1))
    if is_read:
        assert read(deep) == EMPTY
    else:
        with pytest.raises(DocumentError, match="more than 256 levels deep: 1, "):
            read(deep)


def test_an_entity_bomb_is_refused_unread() -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 30))
    with pytest.raises(DocumentError, match="a processing instruction or DOCTYPE"):
        read(f'<!DOCTYPE r [<!ENTITY e0 "x">{entities}]>' + document("<b:sign>&e29;</b:sign>"))


HOSTILE = [
    "<u/>" * 16000,
    "<![CDATA[\r]]>" * 4500,
    "<!--" * 16000,
    "<![CDATA[" * 7000,
    "<" * 65000,
    "<u a='" * 10000 + "中",
    "<u " + "".join(f"a{n}='' " for n in range(6500)) + "/>",
    "<u xmlns='a b'/>" * 4000,
    "<b:random>" + "1" * 60000 + "</b:random>",
    "<b:random>" + " " * 60000 + "x</b:random>",
    "&" * 65000,
]


@pytest.mark.parametrize("content", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_document_is_read_or_refused_in_a_few_words(content: str) -> None:
    try:
        outcome = str(read(document(content)) == EMPTY)
    except DocumentError as refusal:
        outcome = str(refusal)
    assert len(outcome) < 200
    assert outcome != "False"


def test_threads_read_the_documents_they_were_given() -> None:
    wrong: list[TicketRefundRequest | None] = []

    def read_many(number: int) -> None:
        body = document(f"<b:random>{number}</b:random>")
        wrong.extend(value for _ in range(200) if (value := read(body)) != replace(EMPTY, random=number))

    threads = [threading.Thread(target=read_many, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_namespace_name_that_is_no_uri_hides_no_other_fault() -> None:
    """libxml2 reports the name first; .NET takes it, and stops at the depth."""
    deep = "<u>" * 300 + "</u>" * 300
    with pytest.raises(DocumentError, match="more than 256 levels deep"):
        read(document(f"<u xmlns='a b'/>{deep}"))
