"""What Json.NET 11.0.2 makes of a request, and how it writes an answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.build import schema_of
from schemas.json.fields import JSON
from schemas.json.text import JsonWriter, read_json, write_object
from schemas.reasons import ConversionFault, JsonFault
from xml_contracts.contract import contract_of
from xml_contracts.errors import DocumentError, ValueNotWritable
from xml_contracts.reading import LONGEST_NAME, MOST_UNKNOWN, Problem, Reading, Skipped
from xml_contracts.refund import ApiResult, Terminal, TicketRefundRequest

TICKET_REFUND = schema_of(contract_of(TicketRefundRequest), JSON)
INT32 = Problem("random", ConversionFault.NOT_INT32)
NULL = Problem("random", ConversionFault.NULL)
TERMINAL = Problem("terminal", ConversionFault.NOT_OF_ENUM, ("Terminal",))
TOO_LARGE = Problem("sign", ConversionFault.TOO_LARGE_FOR_DOUBLE)
STOP = Problem(None, ConversionFault.STOP_IN_UNKNOWN)


def read(body: str | bytes, charset: str = "utf-8") -> Reading[Any]:
    return read_json(TICKET_REFUND, body if isinstance(body, bytes) else body.encode(), charset)


def bound(body: str | bytes) -> tuple[Any, tuple[Problem, ...]]:
    """Value and errors, where what was skipped is not the question."""
    reading = read(body)
    return reading.value, reading.errors


def ignored(body: str | bytes) -> list[Problem]:
    return list(read(body).ignored)


def request(**members: Any) -> TicketRefundRequest:
    return TicketRefundRequest(**members)


@pytest.mark.parametrize(
    "body", ["", " \r\n\t", "null", " null ", '""', '{"$ref":"1"}', b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"]
)
def test_nothing_is_no_model_and_no_error(body: str | bytes) -> None:
    assert read(body) == Reading(None)


@pytest.mark.parametrize(
    "body", ["[]", "[{}]", "5", "0", "1.5", "1e400", "true", "false", '"x"', '" "', '{"$values":[1]}']
)
def test_a_root_that_is_no_object_is_unreadable(body: str) -> None:
    with pytest.raises(DocumentError):
        read(body)


def test_every_member_is_read_whatever_the_order() -> None:
    body = (
        '{"random":10482,"sign":"5f","terminal":1,"time_stamp":"20261123081022","order_number":"CTT1",'
        '"refund_passanger_ids":"3288010F-2D18-4900-890E-68025C5C3130","refund_reason":"行程有变"}'
    )
    reading = read(body)
    assert reading == Reading(
        request(
            random=10482,
            sign="5f",
            terminal=Terminal.WEBPAGEEnum,
            time_stamp="20261123081022",
            order_number="CTT1",
            refund_passanger_ids="3288010F-2D18-4900-890E-68025C5C3130",
            refund_reason="行程有变",
        )
    )
    assert reading.value is not None
    assert reading.value.terminal is Terminal.WEBPAGEEnum


@pytest.mark.parametrize(
    "body",
    ["{}", '{"":1}', '{"timestamp":"7"}', '{" sign":"7"}', '{"sign ":"7"}', '{"order-number":"7"}', '{"ſign":"7"}'],
)
def test_a_name_that_is_no_member_is_passed_over(body: str) -> None:
    assert bound(body) == (request(), ())


@pytest.mark.parametrize("name", ["sign", "SIGN", "Sign", "\\u0073ign", "\\u0053IGN"])
def test_a_name_matches_in_any_case(name: str) -> None:
    assert read(f'{{"{name}":"7"}}') == Reading(request(sign="7"))


@pytest.mark.parametrize(
    ("json", "text"),
    [
        ("null", None),
        ('""', ""),
        ('" "', " "),
        ('" 5 "', " 5 "),
        ("5", "5"),
        ("-0", "-0"),
        ("1.50", "1.50"),
        ("1e2", "1e2"),
        ("1E+2", "1E+2"),
        ("0.00001", "0.00001"),
        ("1e-400", "1e-400"),
        ("123456789.123456789", "123456789.123456789"),
        ("9" * 308, "9" * 308),
        ("true", "true"),
        ("false", "false"),
        ('"2018-01-17T08:10:22Z"', "2018-01-17T08:10:22Z"),
        ('"\\/Date(1516176622000)\\/"', "/Date(1516176622000)/"),
        ('"a\\nb\\tc\\r\\b\\f\\/\\\\\\""', 'a\nb\tc\r\b\f/\\"'),
        ('"\\u0000\\u0001\x7f"', "\0\x01\x7f"),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\ud800"', "\ufffd"),
        ('"\\udc00\\ud800"', "\ufffd\ufffd"),
        ('"\\ud800\\ud800\\udc00"', "\ufffd𐀀"),
        ('"\\ud83dx\\ude00"', "\ufffdx\ufffd"),
        ('"\\\\ud800"', "\\ud800"),
    ],
)
def test_a_string_member_takes_any_scalar_as_its_raw_text(json: str, text: str | None) -> None:
    assert read(f'{{"sign":{json},"order_number":"tail"}}') == Reading(request(sign=text, order_number="tail"))


@pytest.mark.parametrize("json", ["1e400", "-1e400", "9" * 400, "9" * 5000])
def test_a_number_no_double_holds_leaves_a_string_member_as_it_was(json: str) -> None:
    assert read(f'{{"sign":{json},"order_number":"tail"}}') == Reading(request(order_number="tail"), (TOO_LARGE,))


@pytest.mark.parametrize("member", ["sign", "random"])
@pytest.mark.parametrize("json", ["{}", "[]", '{"a":1}', "[1,2]", '["a"]', '{"$value":"1"}', "[[1e400]]"])
def test_a_container_for_a_string_or_an_int_leaves_no_model(member: str, json: str) -> None:
    with pytest.raises(DocumentError, match=f"^{member}"):
        read(f'{{"order_number":"first","{member}":{json},"time_stamp":"last"}}')


@pytest.mark.parametrize("json", ["true", "false"])
def test_a_boolean_for_an_int_leaves_no_model(json: str) -> None:
    with pytest.raises(DocumentError, match="random: must be a number"):
        read(f'{{"random":{json}}}')


@pytest.mark.parametrize(
    ("json", "number"),
    [
        ("5", 5), ("-5", -5), ("-0", 0), ("2147483647", 2**31 - 1), ("-2147483648", -(2**31)),
        ('"5"', 5), ('" 5 "', 5), ('"+5"', 5), ('"-5"', -5), ('"\\u000b5"', 5), ('"5\\u0000"', 5), ('"0005"', 5),
    ],
)  # fmt: skip
def test_an_int_may_be_quoted(json: str, number: int) -> None:
    assert read(f'{{"random":{json},"sign":"tail"}}') == Reading(request(random=number, sign="tail"))


@pytest.mark.parametrize(
    "json",
    [
        "5.0", "5.5", "1e2", "1e400", "2147483648", "-2147483649", "9" * 5000, '""', '" "', '"abc"', '"5.0"',
        '"1,000"', '"0x5"',
        '"(5)"', '"\\u00a05"', '"5\\u3000"', '"5 5"', '"- 5"', '"WEBPAGEEnum"', '"2147483648"', '"\\ud800"', '"５"',
    ],
)  # fmt: skip
def test_an_int_that_does_not_convert_leaves_its_member_as_it_was(json: str) -> None:
    assert read(f'{{"random":{json},"sign":"tail"}}') == Reading(request(sign="tail"), (INT32,))


def test_null_for_an_int_leaves_its_member_as_it_was() -> None:
    assert read('{"random":null,"sign":"tail"}') == Reading(request(sign="tail"), (NULL,))


@pytest.mark.parametrize(
    ("json", "number"),
    [
        ("1", 1), ("99", 99), ("-5", -5), ("2147483648", -(2**31)), ("4294967297", 1), ("12345678901", -539222987),
        ("9223372036854775807", -1), ("-9223372036854775808", 0), ("true", 1), ("false", 0), ('"99"', 99), ('"+1"', 1),
        ('" WEBPAGEEnum "', 1), ('"webpageenum"', 1), ('"WEBPAGEEnum, WEBPAGEEnum"', 1), ('"1\\u0000"', 1),
        ('"\\u00a01"', 1),
        ('{"$value":1}', 1), ('{"$id":"1","$type":"T","$value":"WEBPAGEEnum"}', 1), ('{"$value":true}', 1),
    ],
)  # fmt: skip
def test_an_enum_is_a_number_a_boolean_or_a_name(json: str, number: int) -> None:
    value, errors = bound(f'{{"terminal":{json},"sign":"tail"}}')
    assert errors == ()
    assert int(value.terminal) == number
    assert value.sign == "tail"


@pytest.mark.parametrize(
    "json",
    [
        "5.0", "1e2", "1e400", "9223372036854775808", "-9223372036854775809", "9" * 5000, '""', '" "', '"foo"',
        '"1.0"', '"1,2"',
        '"WEBPAGEEnum,1"', '"WEBPAGEEnum,"', '"4294967297"', '"0x1"', '"2018-01-17T08:10:22Z"', "[]", "{}",
        "[1,2]", '{"a":1}',
        '{"a":{"b":[1,{"c":2}]}}', '{"$ref":"1"}', '{"$ref":5}', '{"$values":[1]}', '{"$value":"foo"}',
        '{"$value":null}',
        '{"$value":[1]}', '{"$value":{"$value":1}}', '{"$VALUE":1}', '{"a":1,"$value":1}',
    ],
)  # fmt: skip
def test_an_enum_that_does_not_convert_leaves_its_member_as_it_was(json: str) -> None:
    assert read(f'{{"terminal":{json},"sign":"tail"}}') == Reading(request(sign="tail"), (TERMINAL,))


def test_null_for_an_enum_leaves_its_member_as_it_was() -> None:
    assert read('{"terminal":null}') == Reading(request(), (Problem("terminal", ConversionFault.NULL),))


def test_members_after_a_wrapped_enum_value_leave_no_model() -> None:
    with pytest.raises(DocumentError):
        read('{"terminal":{"$value":1,"a":2}}')


@pytest.mark.parametrize("json", ["[1e400]", '{"a":1e400}'])
def test_a_stop_while_a_refused_value_is_passed_over_leaves_no_model(json: str) -> None:
    with pytest.raises(DocumentError, match=r"^terminal"):
        read(f'{{"terminal":{json}}}')


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ('{"sign":"1","sign":"2"}', request(sign="2")),
        ('{"sign":"1","SIGN":"2","Sign":3}', request(sign="3")),
        ('{"sign":"2","sign":null}', request()),
        ('{"sign":null,"sign":"2"}', request(sign="2")),
        ('{"random":"1","random":"2","sign":"x"}', request(random=2, sign="x")),
        ('{"terminal":"1","TERMINAL":"2"}', request(terminal=2)),
    ],
)
def test_the_last_of_a_repeated_member_wins(body: str, value: TicketRefundRequest) -> None:
    assert bound(body) == (value, ())


@pytest.mark.parametrize(
    ("body", "value", "error"),
    [
        ('{"random":2,"random":null}', request(random=2), NULL),
        ('{"random":"x","random":3}', request(random=3), INT32),
        ('{"random":1,"random":2,"random":"x","random":"x"}', request(random=2), INT32),
        ('{"random":1,"random":"5.0","random":5.0}', request(random=1), INT32),
        ('{"terminal":5,"terminal":[],"terminal":[]}', request(terminal=5), TERMINAL),
        ('{"terminal":"4294967297","terminal":4294967297,"terminal":"x"}', request(terminal=1), TERMINAL),
        ('{"sign":"a","sign":1e400}', request(sign="a"), TOO_LARGE),
    ],
)
def test_a_repeated_member_that_does_not_convert_leaves_the_earlier_value(
    body: str, value: TicketRefundRequest, error: Problem
) -> None:
    assert bound(body) == (value, (error,))


def test_an_earlier_value_that_leaves_no_model_still_does() -> None:
    with pytest.raises(DocumentError):
        read('{"random":true,"random":5}')


def test_a_thousand_repetitions_are_read_in_one_go() -> None:
    body = '{"random":"","sign":1,' + '"random":"","sign":2,' * 3000 + '"a":1}'
    assert read(body) == Reading(
        request(sign="2"),
        (INT32,),
        (Problem("sign", Skipped.REPEATED_LAST_COUNTS), Problem("a", Skipped.UNKNOWN)),
    )


LAST = Problem("random", Skipped.REPEATED_LAST_COUNTS)
LAST_READABLE = Problem("random", Skipped.REPEATED_LAST_READABLE_COUNTS)


@pytest.mark.parametrize(
    ("body", "random", "expected"),
    [
        ('{"random":1}', 1, []),
        ('{"random":null}', 0, []),
        ('{"random":1,"random":2}', 2, [LAST]),
        ('{"random":1,"RANDOM":1,"Random":3}', 3, [LAST]),
        ('{"random":null,"random":2}', 2, [LAST]),
        ('{"random":"x","random":"x","random":2}', 2, [LAST]),
        ('{"random":"x","random":2,"random":"x"}', 2, [LAST_READABLE]),
        ('{"random":1,"random":2,"random":null}', 2, [LAST_READABLE]),
        ('{"random":1,"random":"x","random":2,"random":"x","random":3}', 3, [LAST]),
        ('{"random":null,"random":"x"}', 0, []),
    ],
)
def test_of_a_repeated_member_it_is_told_which_value_counts(body: str, random: int, expected: list[Problem]) -> None:
    assert read(body) == Reading(request(random=random), read(body).errors, tuple(expected))


def test_unknown_names_are_told_once_and_cut() -> None:
    long = "行" * 500
    assert ignored(f'{{"b":1,"{long}":1,"sign":"x","b":2,"":3,"\\ud800":4,"$id":5}}') == [
        Problem(name, Skipped.UNKNOWN) for name in ("b", long[:LONGEST_NAME], "", "\ufffd", "$id")
    ]
    assert ignored('{"$id":"1","$type":"T","sign":"x"}') == [], "metadata is no member"


def test_repeated_members_are_told_before_unknown_names() -> None:
    assert ignored('{"a":1,"random":1,"random":2}') == [LAST, Problem("a", Skipped.UNKNOWN)]


def test_of_ten_thousand_unknown_names_a_few_are_kept_and_the_rest_is_counted() -> None:
    members = ",".join(f'"u{number}":1' for number in range(10_000))
    kept = [Problem(f"u{number}", Skipped.UNKNOWN) for number in range(MOST_UNKNOWN)]
    more = Problem(None, Skipped.MORE_UNKNOWN, (10_000 - MOST_UNKNOWN,))
    assert ignored(f"{{{members}}}") == [*kept, more]


@pytest.mark.parametrize(
    "json", ["1", '"x"', "null", "true", "{}", "[]", '[1,{"a":2}]', "9" * 380, '{"$ref":"1"}', "[" * 255 + "]" * 255]
)
def test_an_unknown_member_is_passed_over(json: str) -> None:
    assert bound(f'{{"a":{json},"sign":"x"}}') == (request(sign="x"), ())


@pytest.mark.parametrize(
    "json", ["1e400", "9" * 381, "[1,1e400]", "[" * 256 + "]" * 256, '{"":' * 400 + "1" + "}" * 400]
)
def test_one_stop_in_an_unknown_member_is_an_error_and_the_model_survives(json: str) -> None:
    assert bound(f'{{"a":{json},"sign":"x"}}') == (request(sign="x"), (STOP,))
    assert bound(f'{{"sign":"x","a":{json}}}') == (request(sign="x"), (STOP,))
    assert bound(f'{{"b":{json},"random":"","a":{json}}}') == (request(), (INT32, STOP))


@pytest.mark.parametrize("json", ["[1e400,1e400]", "[" * 255 + "[],[]" + "]" * 255, "[" * 300 + "1e400" + "]" * 300])
def test_a_second_stop_in_one_unknown_member_leaves_no_model(json: str) -> None:
    with pytest.raises(DocumentError):
        read(f'{{"a":{json},"sign":"x"}}')


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ('{"$type":"System.Object","random":5}', request(random=5)),
        ('{"$id":"1","a":{"$ref":"1"},"sign":"x"}', request(sign="x")),
        ('{"a":1,"$ref":"1","sign":"x"}', request(sign="x")),
        ('{"$ref":null,"sign":"x"}', request(sign="x")),
        ('{"$id":{"sign":"y"},"sign":"x"}', request(sign="y")),
    ],
)
def test_metadata_is_passed_over(body: str, value: TicketRefundRequest) -> None:
    assert bound(body) == (value, ())


BODY = '{"random":5,"refund_reason":"行程"}'
READ = Reading(request(random=5, refund_reason="行程"))


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        (BODY.encode(), "utf-8"),
        (BODY.encode("utf-16-le"), "utf-16"),
        (b"\xef\xbb\xbf" + BODY.encode(), "utf-8"),
        (b"\xef\xbb\xbf" + BODY.encode(), "utf-16"),
        (b"\xff\xfe" + BODY.encode("utf-16-le"), "utf-8"),
        (b"\xff\xfe" + BODY.encode("utf-16-le"), "utf-16"),
        (b"\xfe\xff" + BODY.encode("utf-16-be"), "utf-8"),
        (b"\xfe\xff" + BODY.encode("utf-16-be"), "utf-16"),
        (b"\xff\xfe\0\0" + BODY.encode("utf-32-le"), "utf-8"),
    ],
)
def test_a_byte_order_mark_beats_the_charset(body: bytes, charset: str) -> None:
    assert read(body, charset) == READ


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        (BODY.encode(), "utf-16"),
        (BODY.encode("utf-16-le"), "utf-8"),
        (BODY.encode("utf-16-be"), "utf-8"),
        (BODY.encode("utf-16-be"), "utf-16"),
        (BODY.encode("utf-32-be"), "utf-8"),
        (b"\xff\xfe\0\0" + BODY.encode("utf-32-le"), "utf-16"),
        (b"\xef\xbb\xbf\xef\xbb\xbf" + BODY.encode(), "utf-8"),
        (BODY.encode("utf-16-le") + b"\0", "utf-16"),
        ('{"sign":"\ud800"}'.encode("utf-16-le", "surrogatepass"), "utf-16"),
        *(
            (b'{"sign":"' + bad + b'"}', "utf-8")
            for bad in (b"\xff", b"\xc3", b"\xe4\xb8", b"\xc0\xaf", b"\xed\xa0\x80", b"\x80")
        ),
    ],
)
def test_bytes_that_are_not_of_the_encoding_are_unreadable(body: bytes, charset: str) -> None:
    with pytest.raises(DocumentError):
        read(body, charset)


def test_the_byte_that_cannot_be_decoded_is_named() -> None:
    with pytest.raises(DocumentError) as refusal:
        read(b"\xef\xbb\xbf{ \xff}")
    assert refusal.value.problem == Problem(None, JsonFault.OTHER_ENCODING, (5, "utf-8"))


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=60), st.sampled_from(["utf-8", "utf-16"]))
def test_any_bytes_are_read_or_refused(body: bytes, charset: str) -> None:
    for whole in (body, b'{"sign":"' + body + b'"}', b'{"' + body + b'":1,"terminal":"' + body + b'"}'):
        try:
            read(whole, charset)
        except DocumentError:
            continue


RESULT = JsonWriter(contract_of(ApiResult))
WRITER = JsonWriter(contract_of(TicketRefundRequest))


def test_an_answer_is_written_in_the_order_of_declaration_without_spaces() -> None:
    assert RESULT.write(ApiResult(1, "Cancelled", None), "utf-8") == b'{"code":1,"message":"Cancelled","data":null}'


def test_a_derived_class_is_written_first() -> None:
    written = WRITER.write(request(terminal=Terminal.WEBPAGEEnum, random=-5, sign="x"), "utf-8")
    assert written == (
        b'{"order_number":null,"refund_passanger_ids":null,"refund_reason":null,"terminal":1,"time_stamp":null,"random":-5,"sign":"x"}'
    )


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", ""),
        ('"\\', '\\"\\\\'),
        ("\b\f\n\r\t", "\\b\\f\\n\\r\\t"),
        ("\0\x01\x0b\x1f", "\\u0000\\u0001\\u000b\\u001f"),
        ("\x85\u2028\u2029", "\\u0085\\u2028\\u2029"),
        ("/<>&'\x7f\x80\x9f\xa0\ufeff\ufffe\uffff", "/<>&'\x7f\x80\x9f\xa0\ufeff\ufffe\uffff"),
        ("行程😀", "行程😀"),
    ],
)
def test_text_is_escaped_as_json_net_does(text: str, written: str) -> None:
    assert write_object([("Message", text)], "utf-8") == f'{{"Message":"{written}"}}'.encode()


def test_utf_16_is_little_endian_with_a_byte_order_mark() -> None:
    assert write_object([("a", "行")], "utf-16") == b"\xff\xfe" + '{"a":"行"}'.encode("utf-16-le")


@pytest.mark.parametrize("charset", ["utf-8", "utf-16"])
@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\udc00\ud800"])
def test_a_lone_surrogate_is_not_writable(text: str, charset: str) -> None:
    with pytest.raises(ValueNotWritable, match=r"U\+D"):
        write_object([("a", text)], charset)


@pytest.mark.parametrize(
    ("value", "member"),
    [
        (ApiResult(None), "code"),  # type: ignore[arg-type]
        (ApiResult("1"), "code"),  # type: ignore[arg-type]
        (ApiResult(2**31), "code"),
        (ApiResult(1, 5), "message"),  # type: ignore[arg-type]
    ],
)
def test_a_value_of_another_type_is_not_writable(value: ApiResult, member: str) -> None:
    with pytest.raises(ValueNotWritable, match=rf"ApiResultOfstring\.{member}: "):
        RESULT.write(value, "utf-8")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_written_is_read_back(text: str) -> None:
    written = WRITER.write(request(sign=text, random=7, terminal=3), "utf-8")
    assert read(written) == Reading(request(sign=text, random=7, terminal=3))
