"""RFC 8259, and where Json.NET's reader stops inside it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.json.tokens import MAX_DEPTH, Integer, Real, count_stops, past_metadata, read_tokens
from schemas.reasons import JsonFault
from xml_contracts.errors import DocumentError


def nested(depth: int, inner: str = "1") -> str:
    return "[" * depth + inner + "]" * depth


def test_objects_are_pairs_in_order_with_every_duplicate() -> None:
    assert read_tokens('{"b":1,"a":[],"b":{}}') == (("b", "1"), ("a", []), ("b", ()))


@pytest.mark.parametrize(
    ("text", "kind"),
    [("1", Integer), ("-0", Integer), ("9" * 5000, Integer), ("1.50", Real), ("1e3", Real), ("-0.0", Real)],
)
def test_numbers_keep_their_text(text: str, kind: type) -> None:
    value = read_tokens(text)
    assert type(value) is kind
    assert value == text


@pytest.mark.parametrize(
    "text",
    [
        "NaN", "Infinity", "-Infinity", "undefined", "{", "}", "[1,]", '{"a":1,}', "{a:1}", "{'a':1}",
        '{"a":1}x', "{}{}",
        '{"a" 1}', '{"a":1 "b":2}', "01", "+1", ".5", "5.", "0x1F", "-", "nul", "True", '"\\x41"', '"\\u12"',
        '"a\nb"', '"\x01"',
        "/**/1", "\xa01", "\ufeff1", "\0", '{"a":new Date(0)}', '{,"a":1}', "[1,,2]", '{"a":}',
    ],
)  # fmt: skip
def test_what_is_not_rfc_8259_is_refused(text: str) -> None:
    with pytest.raises(DocumentError) as refusal:
        read_tokens(text)
    assert refusal.value.problem.reason in (JsonFault.NOT_JSON, JsonFault.NOT_JSON_AT)


@pytest.mark.parametrize(
    ("text", "stops"),
    [
        ("1", 0),
        ("1e308", 0),
        ("1e-400", 0),
        ("1e400", 1),
        ("-1e400", 1),
        ("9" * 380, 0),
        ("9" * 381, 1),
        ("-" + "9" * 380, 1),
        ('{"a":[1e400,{"b":1e400}],"c":"1e400"}', 2),
        ("[[], true, null, 1.5]", 0),
    ],
)
def test_the_reader_stops_at_numbers_it_cannot_hold(text: str, stops: int) -> None:
    assert count_stops(read_tokens(text)) == stops


@pytest.mark.parametrize(
    ("text", "stops"),
    [
        (nested(MAX_DEPTH), 0),
        (nested(MAX_DEPTH + 1), 1),
        (nested(MAX_DEPTH + 2), 1),
        (nested(MAX_DEPTH * 2), 1),
        (nested(MAX_DEPTH * 2 + 1), 1),
        (nested(MAX_DEPTH * 5 + 7), 1),
        (nested(MAX_DEPTH, "[],[]"), 2),
        (nested(MAX_DEPTH, "[],[],[]"), 2),
        (nested(MAX_DEPTH + 1, "[],[]"), 1),
        (nested(MAX_DEPTH + 1, "1e400"), 2),
        (nested(MAX_DEPTH * 2 + 1, "1e400"), 2),
        (nested(MAX_DEPTH * 2 + 1, "1e400,1e400,1e400"), 3),
        (nested(MAX_DEPTH - 1, '"[[[\\"[[["'), 0),
        (nested(MAX_DEPTH - 1, r'"\n[[[",["\\[{"]'), 0),
        (nested(MAX_DEPTH - 1, r'"\n[[[",["\\[{",[]]'), 1),
        (nested(MAX_DEPTH + 9, r'"\n[[[",["\\]}"]'), 1),
        ('[{"a":' * 127 + "[{}]" + "}]" * 127, 0),
        ('[{"a":' * 128 + "[]" + "}]" * 128, 1),
        ("[" + "[]," * 300 + '"]]]"]', 0),
        ('{"a":' * 300 + "1" + "}" * 300, 1),
    ],
)
def test_the_reader_stops_at_the_257th_level_once_on_its_way_down(text: str, stops: int) -> None:
    assert min(count_stops(read_tokens(text)), 2) == min(stops, 2)


def test_what_follows_a_deep_value_is_still_read() -> None:
    assert read_tokens(f'{{"a":{nested(300)},"b":{nested(300)},"c":"]"}}')[2] == ("c", "]")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 65536,
        '{"a":' * 13000,
        "]" * 300,
        "[" * 300 + "]" * 301,
        "]" * 300 + "[" * 300,
        nested(300, "1,"),
        nested(600, "nul"),
        nested(MAX_DEPTH, "1[]"),
        nested(MAX_DEPTH, "[]1"),
        nested(MAX_DEPTH * 2, "1[]"),
        "[" * 300 + "}" * 300,
        "[" * 300 + '"' + "]" * 300,
        nested(300) + "x",
        '["' + '\\"' * 30000 + "[" * 300,
    ],
)
def test_deep_text_that_is_not_rfc_8259_is_refused_too(text: str) -> None:
    with pytest.raises(DocumentError):
        read_tokens(text)


def test_thirty_thousand_levels_are_no_recursion() -> None:
    assert count_stops(read_tokens(nested(30000))) == 1


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet='[]{}",:1e9\\ntru', max_size=60), st.integers(0, 600))
def test_any_text_is_read_or_refused(text: str, depth: int) -> None:
    for whole in (text, nested(depth, text)):
        try:
            read_tokens(whole)
        except DocumentError:
            continue


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ('{"a":1}', '{"a":1}'),
        ("{}", "{}"),
        ('{"$id":"1","a":1}', '{"a":1}'),
        ('{"$id":null,"$type":"x","$id":5,"a":1,"$id":2}', '{"a":1,"$id":2}'),
        ('{"$type":true,"$type":1.5}', "{}"),
        ('{"$ref":null,"a":1}', '{"a":1}'),
        ('{"$id":{},"a":1}', "{}"),
        ('{"$id":{"$type":"x","b":2},"a":1}', '{"b":2}'),
        ('{"$ID":1}', '{"$ID":1}'),
        ('{"a":1,"$ref":"1"}', '{"a":1,"$ref":"1"}'),
        ('{"$other":1,"$ref":"1"}', '{"$other":1,"$ref":"1"}'),
    ],
)
def test_metadata_before_the_first_member_is_passed_over(text: str, rest: str) -> None:
    assert past_metadata(read_tokens(text)) == read_tokens(rest)


@pytest.mark.parametrize(
    "text",
    ['{"$ref":"1"}', '{"$ref":""}', '{"$id":"1","$ref":"2"}', '{"$id":{"$ref":"1"},"a":1}', '{"$ref":"2018-01-01"}'],
)
def test_a_reference_names_nothing(text: str) -> None:
    assert past_metadata(read_tokens(text)) is None


@pytest.mark.parametrize(
    "text",
    [
        '{"$ref":"1","a":1}',
        '{"$ref":5}',
        '{"$ref":"2018-01-01T00:00:00"}',
        '{"$id":"1","$ref":"\\/Date(0)\\/"}',
        '{"$ref":1.5}',
        '{"$ref":true}',
        '{"$ref":{}}',
        '{"$ref":[]}',
        '{"$type":null}',
        '{"$type":{}}',
        '{"$type":[]}',
        '{"$type":1e400}',
        '{"$id":[]}',
        '{"$id":1e400}',
        '{"$values":[]}',
        '{"$values":null,"a":1}',
    ],
)
def test_metadata_that_json_net_throws_at_is_refused(text: str) -> None:
    with pytest.raises(DocumentError, match=r"^\$"):
        past_metadata(read_tokens(text))
