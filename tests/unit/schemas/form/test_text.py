"""How Web API 2 binds an HTML form."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.build import schema_of
from schemas.form.fields import FORM
from schemas.form.text import read_form
from schemas.reasons import ConversionFault
from xml_contracts.contract import contract_of
from xml_contracts.errors import DocumentError
from xml_contracts.reading import LONGEST_NAME, MOST_UNKNOWN, Problem, Reading, Skipped
from xml_contracts.refund import Terminal, TicketRefundRequest

TICKET_REFUND = schema_of(contract_of(TicketRefundRequest), FORM)
INT32 = Problem("random", ConversionFault.NOT_INT32)
TERMINAL = Problem("terminal", ConversionFault.NOT_OF_ENUM, ("Terminal",))


def read(body: str | bytes) -> Reading[Any]:
    return read_form(TICKET_REFUND, body if isinstance(body, bytes) else body.encode())


def bound(body: str) -> tuple[Any, tuple[Problem, ...]]:
    """Value and errors, where what was skipped is not the question."""
    reading = read(body)
    return reading.value, reading.errors


def ignored(body: str) -> list[Problem]:
    return list(read(body).ignored)


def request(**members: Any) -> TicketRefundRequest:
    return TicketRefundRequest(**members)


def test_an_empty_form_is_no_model_and_no_error() -> None:
    assert read(b"") == Reading(None)


@pytest.mark.parametrize(
    "body",
    [
        "&", "&&", "=", "a", "a=1", "\0", "sign", "sign=", '{"sign":"a"}', "<a/>", "si+gn=a", "sign%20=a",
        "+sign=a", "request=5",
        "\ufeffsign=a", "request.sign=a", "%C5%BFign=a", "sign;=a",
    ],
)  # fmt: skip
def test_any_other_form_is_a_model(body: str) -> None:
    assert bound(body) == (request(), ())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("null", "null"), ("a+b", "a b"), ("a%2Bb", "a+b"), ("a b", "a b"), ("+a+", " a "),
        ("a%0D%0Ab", "a\r\nb"), ("%", "%"),
        ("%4", "%4"), ("%zz", "%zz"), ("%41%zz", "A%zz"), ("%%41", "%A"), ("%u4e2d", "%u4e2d"),
        ("%E4%B8%AD", "中"), ("中", "中"),
        ("%e4%b8%ad", "中"), ("a%26b%3Dc", "a&b=c"), ("a=b", "a=b"), ("a;b", "a;b"), ("%00", "\0"),
        ("%E2%80%8B", "\u200b"),
        ("%1C", "\x1c"), ("a%C2%A0", "a\xa0"), ("%EF%BB%BFa", "\ufeffa"), ("a[b", "a[b"), ("%41%", "A%"),
        ("%4%31", "%41"),
        ("", None), ("+", None), ("%20", None), ("%C2%A0", None), ("%E3%80%80", None), ("%0B%0C", None),
        ("%E2%80%A8", None),
    ],
)  # fmt: skip
def test_a_string_is_unescaped_and_blank_text_is_null(value: str, text: str | None) -> None:
    assert read(f"sign={value}&random=5") == Reading(request(sign=text, random=5))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xff", "\ufffd"),
        (b"\xd6\xd0", "\ufffd\ufffd"),
        (b"\xe4\xb8", "\ufffd"),
        (b"\xc0\xaf", "\ufffd\ufffd"),
        (b"\x80", "\ufffd"),
        (b"\xc3", "\ufffd"),
        (b"\xed\xa0\x80", "\ufffd\ufffd"),
        (b"\xed\xa0\xbd\xed\xb8\x80", "\ufffd" * 4),
        (b"\xe0\x80\xaf", "\ufffd\ufffd"),
        (b"\xe0\xa0", "\ufffd"),
        (b"\xf0\x80\x80\x80", "\ufffd" * 3),
        (b"\xf0\x9f\x98", "\ufffd"),
        (b"\xf4\x90\x80\x80", "\ufffd" * 3),
        (b"\xf5\x80", "\ufffd\ufffd"),
        (b"\xe4\xed\xa0", "\ufffd\ufffd"),
        (b"\xf0\x9f\xf0\x80", "\ufffd\ufffd"),
    ],
)
def test_bytes_that_are_no_utf_8_are_replaced_as_dotnet_counts_them(data: bytes, text: str) -> None:
    expected = Reading(request(sign=f"A{text}Z", random=5))
    assert read(b"sign=A" + data + b"Z&random=5") == expected
    assert read(f"sign=A{quote_from_bytes(data)}Z&random=5") == expected


def test_a_character_half_sent_raw_and_half_escaped_is_not_joined() -> None:
    assert read(b"sign=\xe4%B8%AD") == Reading(request(sign="\ufffd\ufffd\ufffd"))


@pytest.mark.parametrize(
    "name",
    ["sign", "Sign", "SIGN", "sign[]", "si[]gn", "[]sign", "sign[][]", "sign%5B%5D", "%73ign", "sign]", "sign%5b%5d"],
)
def test_a_name_is_rewritten_from_jquery_and_matches_in_any_case(name: str) -> None:
    expected = request() if name == "sign]" else request(sign="a")
    assert bound(f"{name}=a") == (expected, ())


@pytest.mark.parametrize(
    "name",
    [
        "sign[0]",
        "sign[x]",
        "[sign]",
        "sign.x",
        "sign.",
        ".sign",
        "request[sign]",
        "sign[[]",
        "si[[]]gn",
        "sign[]]",
        "si[g]n",
        "sign[٣]",
        "sign[%00]",
    ],
)
def test_a_name_with_a_path_is_no_member(name: str) -> None:
    assert bound(f"{name}=a&random=5") == (request(random=5), ())


@pytest.mark.parametrize("name", ["sign[", "[", "a[b]c[", "]sign[", "sign%5B", "x%5Bsign", "a[b][c"])
def test_an_open_bracket_in_any_name_leaves_no_model(name: str) -> None:
    with pytest.raises(DocumentError, match=r"\["):
        read(f"random=5&{name}=a&sign=x")


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("sign=a&sign=b", request(sign="a")),
        ("sign=a&SIGN=b&sign[]=c", request(sign="a")),
        ("sign[]=a&sign[]=b&sign=c", request(sign="a")),
        ("SIGN=a&sign=b", request(sign="a")),
        ("%73ign=a&sign=b", request(sign="a")),
        ("sign=&sign=b", request()),
        ("sign&sign=b", request()),
        ("random=5&random=x", request(random=5)),
        ("random=5&random", request(random=5)),
    ],
)
def test_the_first_of_a_repeated_name_wins(body: str, value: TicketRefundRequest) -> None:
    repeated = "random" if "random" in body else "sign"
    assert read(body) == Reading(value, ignored=(Problem(repeated, Skipped.REPEATED_FIRST_COUNTS),))


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("sign=a&&", []),
        ("&=1&", []),
        ("x=1&sign=a&x=2&y", ["x", "y"]),
        ("sign[0]=a", ["sign[0]"]),
        ("sign%5By%5D=a&a+b=c", ["sign[y]", "a b"]),
        ("%E8%A1%8C=1", ["行"]),
        (f"{'u' * 500}=1", ["u" * LONGEST_NAME]),
    ],
)
def test_a_name_that_does_not_bind_is_told_as_the_client_meant_it(body: str, names: list[str]) -> None:
    assert ignored(body) == [Problem(name, Skipped.UNKNOWN) for name in names]


def test_a_list_of_passengers_binds_the_first_and_says_so() -> None:
    reading = read("refund_passanger_ids[]=A&refund_passanger_ids[]=B")
    assert reading == Reading(
        request(refund_passanger_ids="A"), ignored=(Problem("refund_passanger_ids", Skipped.REPEATED_FIRST_COUNTS),)
    )


def test_of_ten_thousand_unknown_names_a_few_are_kept_and_the_rest_is_counted() -> None:
    kept = [Problem(f"u{number}", Skipped.UNKNOWN) for number in range(MOST_UNKNOWN)]
    more = Problem(None, Skipped.MORE_UNKNOWN, (10_000 - MOST_UNKNOWN,))
    assert ignored("&".join(f"u{number}=1" for number in range(10_000))) == [*kept, more]


@pytest.mark.parametrize(
    ("value", "number"),
    [("5", 5), ("%2B5", 5), ("+5+", 5), ("5%C2%A0", 5), ("0xFFFFFFFF", -1), ("%231F", 31), ("%26h1F", 31)],
)
def test_an_int_may_be_hexadecimal(value: str, number: int) -> None:
    assert read(f"random={value}&sign=x") == Reading(request(random=number, sign="x"))


@pytest.mark.parametrize(
    "value", ["abc", "5.0", "5=6", "5;sign=a", "2147483648", "-0x1", "5+5", "1%2C000", "true", "&h1F", "&sign=y"]
)
def test_an_int_that_does_not_convert_leaves_its_member_as_it_was(value: str) -> None:
    reason = ConversionFault.BLANK if value.startswith("&") else ConversionFault.NOT_INT32
    assert bound(f"sign=x&random={value}") == (request(sign="x"), (Problem("random", reason),))


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("WEBPAGEEnum", 1),
        ("+webpageenum+", 1),
        ("0", 0),
        ("99", 99),
        ("-1", -1),
        ("1,2", 3),
        ("WEBPAGEEnum%2CWEBPAGEEnum", 1),
        ("webpageenum,2", 3),
    ],
)
def test_an_enum_is_names_and_numbers(value: str, number: int) -> None:
    reading = read(f"terminal={value}&sign=x")
    assert reading == Reading(request(terminal=number, sign="x"))
    assert reading.value is not None
    assert isinstance(reading.value.terminal, Terminal) == (number == 1)


@pytest.mark.parametrize("value", ["x", "1.0", "0x1", "2147483648", "1,", ",", "-0,", "WEBPAGEEnum+WEBPAGEEnum"])
def test_an_enum_that_does_not_convert_leaves_its_member_as_it_was(value: str) -> None:
    assert read(f"terminal={value}&sign=x") == Reading(request(sign="x"), (TERMINAL,))


@pytest.mark.parametrize("member", ["random", "terminal"])
@pytest.mark.parametrize("value", ["", "=", "=+", "=%C2%A0"])
def test_a_blank_number_is_required(member: str, value: str) -> None:
    assert read(f"{member}{value}&sign=x") == Reading(request(sign="x"), (Problem(member, ConversionFault.BLANK),))


def test_errors_of_several_members_are_all_told() -> None:
    assert set(read("random=x&terminal=x").errors) == {INT32, TERMINAL}


def test_twenty_thousand_names_are_no_limit() -> None:
    body = "&".join(f"k{i}" for i in range(20000)) + "&sign=a" + "&" * 20000
    assert bound(body) == (request(sign="a"), ())


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for whole in (body, b"sign=" + body, body + b"=1", b"random=" + body, b"terminal=" + body):
        try:
            read(whole)
        except DocumentError:
            continue
