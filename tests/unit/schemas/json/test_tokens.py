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
    assert count_stops(read_tokens(text), 1) == stops


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
    assert min(count_stops(read_tokens(text), 1), 2) == min(stops, 2)


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


Tree = str | list["Tree"] | tuple[tuple[str, "Tree"], ...]
"""JSON: the text of a scalar, a list, or the members of an object."""


def text_of(tree: Tree) -> str:
    if isinstance(tree, str):
        return tree
    if isinstance(tree, list):
        return f"[{','.join(map(text_of, tree))}]"
    return "{" + ",".join(f'"{name}":{text_of(value)}' for name, value in tree) + "}"


def stops_of(tree: Tree, level: int) -> int:
    """By the definition: a large number, and a container on level 257."""
    if isinstance(tree, str):
        return int(tree == "1e400")
    values = tree if isinstance(tree, list) else [value for _, value in tree]
    return int(level == 257) + sum(stops_of(value, level + 1) for value in values)


@st.composite
def deep_trees(draw: st.DrawFn) -> Tree:
    """A few small values, some of them below as many levels as make them stop, or not."""
    values: list[Tree] = ["1", "1e400", '"]"', [], (), [[]], (("a", []),), ["1e400"], (("$id", ()), ("b", []))]
    small = st.sampled_from(values)
    tree = draw(st.sampled_from(values[:5]))
    wrappers = st.lists(st.sampled_from(["list", "member", "$id", "$id", "beside"]), min_size=1, max_size=4)
    depth = draw(st.sampled_from([0, 1, 253, 254, 255, 256, 257, 511, 512, 513]))
    kinds = draw(wrappers)
    for number in range(depth):
        kind = kinds[number * len(kinds) // depth]
        value: Tree = draw(small) if kind == "beside" and number % 50 == 0 else "1"
        if kind == "list":
            tree = [tree]
        elif kind == "beside":
            tree = (("a", value), ("b", tree), ("c", value))
        else:
            tree = (("a" if kind == "member" else kind, tree),)
        if number in (depth - 1, depth - 2, depth - 255, depth - 256) and isinstance(tree, tuple):
            tree = (*tree, ("d", draw(small)), ("e", draw(small)))
    return (("$id", "1"), *tree, ("z", draw(small))) if isinstance(tree, tuple) else (("x", tree),)


def model_of(tree: Tree, level: int = 1) -> tuple[tuple[tuple[str, Tree], ...], int]:
    """Where `$id` leads to, and on which level that is."""
    assert isinstance(tree, tuple)
    for index, (name, value) in enumerate(tree):
        if name != "$id":
            return tree[index:], level
        if isinstance(value, tuple):
            return model_of(value, level + 1)
    return (), level


@settings(max_examples=400, deadline=None)
@given(deep_trees())
def test_every_member_of_the_model_has_the_stops_that_are_in_it(tree: Tree) -> None:
    try:
        found = past_metadata(read_tokens(text_of(tree)))
    except DocumentError as error:
        assert error.problem.member == "$id", "a list or a number that stops"
        return
    model, level = model_of(tree)
    assert found is not None
    assert found.level == level
    assert [name for name, _ in found.members] == [name for name, _ in model]
    for (_, value), (_, subtree) in zip(found.members, model, strict=True):
        assert min(count_stops(value, level + 1), 2) == min(stops_of(subtree, level + 1), 2)


def test_members_of_a_model_on_level_256_have_their_stops_apart() -> None:
    model = past_metadata(read_tokens('{"$id":' * 255 + '{"a":[1],"b":[[]],"c":[]}' + "}" * 255))
    assert model is not None
    assert [(name, count_stops(value, model.level + 1)) for name, value in model.members] == [
        ("a", 1),
        ("b", 1),
        ("c", 1),
    ]


def test_thirty_thousand_levels_are_no_recursion() -> None:
    assert count_stops(read_tokens(nested(30000)), 1) == 1


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
    model = past_metadata(read_tokens(text))
    assert model is not None
    assert model.members == read_tokens(rest)


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
