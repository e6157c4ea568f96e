"""The texts that Json.NET takes for dates."""

from __future__ import annotations

import pytest

from schemas.json.dates import is_date

DAY = "2018-01-01"
NOON = "2018-01-01T12:00:00"


@pytest.mark.parametrize(
    "text",
    [
        NOON,
        "0001-01-01T00:00:00",
        "2016-02-29T23:59:59",
        f"{DAY}T24:00:00",
        f"{DAY}T24:00:00.000Z",
        f"{NOON}.1",
        f"{NOON}.1234567",
        f"{NOON}.1234567Z",
        f"{NOON}Z",
        f"{NOON}z",
        f"{NOON}+08:00",
        f"{NOON}.5-08:00",
        f"{NOON}+0800",
        f"{NOON}+08",
        f"{NOON}+08:",
        f"{NOON}-99:99",
        f"{NOON}:",
        f"{NOON}:30",
        f"{NOON}30",
        f"{NOON}.123456789",
    ],
)
def test_a_day_and_a_time_are_a_date_with_or_without_a_zone(text: str) -> None:
    assert is_date(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        DAY,
        f"{DAY} 12:00:00",
        f"{DAY}t12:00:00",
        f"{DAY}T12:00",
        f"{DAY}T24:00:01",
        f"{DAY}T24:01:00",
        f"{DAY}T24:00:00.01",
        f"{DAY}T25:00:00",
        f"{DAY}T23:60:00",
        f"{DAY}T23:00:60",
        "2018-02-29T12:00:00",
        "2018-13-01T12:00:00",
        "2018-00-01T12:00:00",
        "0000-01-01T12:00:00",
        f" {NOON}",
        f"{NOON} ",
        f"{NOON}\n",
        f"{NOON}ZZ",
        f"{NOON}.",
        f"{NOON}.12345678",
        f"{NOON}.1234567890",
        f"{NOON}+",
        f"{NOON}+8",
        f"{NOON}+08:0",
        f"{NOON}x08",
        f"{NOON}+08:00Z",
        "\u0662018-01-01T12:00:00",
    ],
)
def test_any_other_text_is_no_date(text: str) -> None:
    assert not is_date(text)


@pytest.mark.parametrize(
    "text",
    ["0", "-1", "1514764800000", "0+0800", "0-0800", "-1-08", "0+08zz", "0+0800+0", "0--8", "0" * 19, str(2**63 - 1)],
)
def test_milliseconds_of_microsoft_are_a_date(text: str) -> None:
    assert is_date(f"/Date({text})/")


@pytest.mark.parametrize(
    "text",
    ["", "-", "+1", "--1", " 0", "1.5", "a", "0+8", "0+zz", "0+", "0-08+08", "0" * 20, str(2**63), "\u0662"],
)
def test_milliseconds_of_microsoft_are_a_64_bit_integer_and_two_digits_of_offset(text: str) -> None:
    assert not is_date(f"/Date({text})/")


@pytest.mark.parametrize("text", ["Date(0)", "/date(0)/", "/Date(0)/ ", "/Date(0)", "\\/Date(0)\\/"])
def test_the_slashes_of_microsoft_are_needed(text: str) -> None:
    assert not is_date(text)
