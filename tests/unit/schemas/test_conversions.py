"""Text to value as .NET converts it."""

from __future__ import annotations

import sys
from enum import IntEnum

import pytest

from schemas.conversions import WHITE_SPACE, EnumText, fold, read_form_int32, wrap_int32
from xml_contracts.errors import ValueNotReadable


class Fruit(IntEnum):
    Apple = 1
    Pear = 2
    apple = 4
    Rotten = -1


FRUIT = EnumText(Fruit)


@pytest.mark.parametrize(
    ("name", "folded"),
    [("order_Number", "ORDER_NUMBER"), ("é", "É"), ("ß", "ß"), ("ſign", "ſIGN"), ("ı", "ı"), ("K", "K"), ("ŉ", "ŉ")],
)
def test_names_are_folded_char_by_char_and_never_into_ascii(name: str, folded: str) -> None:
    assert fold(name) == folded


def test_no_character_folds_into_two_and_ascii_alone_into_ascii() -> None:
    for char in map(chr, range(0x20000)):  # no letter beyond has a case
        assert len(fold(char)) == 1
        assert fold(char).isascii() == char.isascii()
        assert fold(f"{char}ö") == f"{fold(char)}Ö"


def test_white_space_is_what_dotnet_calls_white_space() -> None:
    spaces = {char for char in map(chr, range(sys.maxunicode + 1)) if char.isspace()}
    assert sorted(WHITE_SPACE) == sorted(spaces - set("\x1c\x1d\x1e\x1f"))


@pytest.mark.parametrize("blank", WHITE_SPACE, ids=lambda blank: f"U+{ord(blank):04X}")
def test_any_white_space_is_trimmed_around_a_number_or_a_name(blank: str) -> None:
    assert read_form_int32(f"{blank}0x1F{blank}") == 31
    assert FRUIT.find_json(f"{blank}pear{blank},{blank}Apple{blank}") == 3
    assert FRUIT.find_form(f"{blank}2{blank},{blank}Apple{blank}") == 3


@pytest.mark.parametrize(
    ("number", "wrapped"),
    [
        (0, 0),
        (2**31 - 1, 2**31 - 1),
        (2**31, -(2**31)),
        (2**32 + 1, 1),
        (-(2**31) - 1, 2**31 - 1),
        (12345678901, -539222987),
    ],
)
def test_an_unchecked_cast_keeps_the_lower_32_bits(number: int, wrapped: int) -> None:
    assert wrap_int32(number) == wrapped


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", 5),
        ("\u30005\xa0", 5),
        ("+5", 5),
        ("-0", 0),
        ("5\0", 5),
        ("#1F", 31),
        ("0x1f", 31),
        ("0X1F", 31),
        ("&h1F", 31),
        ("&H1F", 31),
        (" 0x5 ", 5),
        ("0xFFFFFFFF", -1),
        ("0x80000000", -(2**31)),
        ("0x" + "0" * 5000 + "5", 5),
        ("0x0x5", 5),
        ("#+0X5", 5),
        ("0x+5", 5),
        ("#0", 0),
    ],
)
def test_a_form_int_is_decimal_or_hexadecimal(text: str, number: int) -> None:
    assert read_form_int32(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "#",
        "0x",
        "&h",
        "0x0x",
        "#0x",
        "-0x1",
        "0x-1",
        "0x 1",
        "# 1",
        "0x1FFFFFFFF",
        "0x1\0",
        "1F",
        "0xG",
        "x5",
        "5.0",
        "\x1c5",
        "0x5\x1f",
    ],
)
def test_a_form_int_that_dotnet_refuses_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueNotReadable, match=r"."):
        read_form_int32(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Apple", 1),
        ("PEAR", 2),
        (" \xa0pear\u3000", 2),
        ("Apple,Pear", 3),
        ("pear , Apple", 3),
        ("99", 99),
        ("+1", 1),
        ("-1", -1),
        (" 7 ", 7),
        ("1\0", 1),
        ("2147483647", 2**31 - 1),
        ("Rotten,Pear", -1),
    ],
)
def test_an_enum_is_spelled_alike_in_json_and_forms(text: str, number: int) -> None:
    assert FRUIT.find_json(text) == number
    assert FRUIT.find_form(text) == number


@pytest.mark.parametrize(("text", "number"), [("1,2", 3), ("Apple,2", 3), ("1, Pear", 3), ("-1,1", -1)])
def test_numbers_in_a_list_are_for_forms_only(text: str, number: int) -> None:
    assert FRUIT.find_form(text) == number
    assert FRUIT.find_json(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ",",
        "Apple,",
        ",Apple",
        "Plum",
        "1.0",
        "0x1",
        "1e2",
        "2147483648",
        "-",
        "+",
        "Apple Pear",
        "Apple\x1c",
        "\x1c1",
        "٣",
        "ap\u0000ple",
    ],
)
def test_an_enum_that_dotnet_refuses_has_no_number(text: str) -> None:
    assert FRUIT.find_json(text) is None
    assert FRUIT.find_form(text) is None


def test_the_first_of_two_names_that_differ_in_case_is_meant() -> None:
    assert FRUIT.find_json("APPLE") == Fruit.Apple


def test_a_defined_number_is_the_member_and_an_undefined_one_stays_a_number() -> None:
    assert FRUIT.value(2) is Fruit.Pear
    assert type(FRUIT.value(99)) is int
    assert FRUIT.value(2**32 + 2) is Fruit.Pear
