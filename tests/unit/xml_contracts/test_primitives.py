"""The lexical forms of int and enum (wire-facts 4.26, 4.27, 5.8)."""

from __future__ import annotations

import pytest

from xml_contracts.errors import ValueNotReadable
from xml_contracts.primitives import INT32_MAX, INT32_MIN, PRIMITIVES, enum_primitive, read_int32
from xml_contracts.refund import Terminal


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5), ("+5", 5), ("-5", -5), ("-0", 0), ("0005", 5), (" 5 ", 5), ("\t\n\v\f\r 5\t\n\v\f\r ", 5),
        ("5\0\0", 5), ("5 \0", 5), ("2147483647", INT32_MAX), ("-2147483648", INT32_MIN),
        ("-00000000000000000000002147483648", INT32_MIN), ("0" * 5000 + "7", 7),
    ],
)  # fmt: skip
def test_text_that_is_an_int32_for_dotnet(text: str, value: int) -> None:
    assert read_int32(text) == value


@pytest.mark.parametrize(
    "text",
    ["", " ", "5.0", "5e0", "1,000", "0x5", "+", "-", "--5", "+ 5", "5 5", "5\xa0", "\u20035", "５", "NaN",
     "5\0 ", "\x005", "2147483648", "-2147483649", "9" * 5000],
)  # fmt: skip
def test_text_that_is_no_int32_for_dotnet(text: str) -> None:
    with pytest.raises(ValueNotReadable, match="Int32") as refusal:
        read_int32(text)
    assert refusal.value.arguments == (text[:40],)


@pytest.mark.parametrize("value", [INT32_MAX + 1, INT32_MIN - 1, "5", None, 1.0])
def test_what_is_no_int32_is_not_written(value: object) -> None:
    with pytest.raises(ValueError, match="is not an Int32"):
        PRIMITIVES[int].write(value)


def test_an_enum_is_read_by_its_exact_name_only() -> None:
    read = enum_primitive(Terminal).read
    assert read("WEBPAGEEnum") is Terminal.WEBPAGEEnum
    for text in ("webpageenum", " WEBPAGEEnum", "1", "", "WEBPAGEEnum,WEBPAGEEnum", "99"):
        with pytest.raises(ValueNotReadable, match=r"not a name of the enum: .*'Terminal'"):
            read(text)
