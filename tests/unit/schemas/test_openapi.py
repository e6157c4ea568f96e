"""Schemas of OpenAPI: a type and a rule of a member as JSON Schema says them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import pytest

from schemas.openapi import OPENAPI, OPENAPI_XML, openapi_schema
from xml_contracts.contract import contract_of
from xml_contracts.declare import Pattern, Rule, data_contract, member

GUID = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"


@data_contract(namespace="urn:zoo")
class Animal(IntEnum):
    CAT = 1
    DOG = 5


@data_contract(namespace="urn:base")
@dataclass(frozen=True)
class Base:
    zebra: int = member(default=0)


@data_contract(namespace="urn:zoo")
@dataclass(frozen=True)
class Request(Base):
    name: str | None = member(default=None, rule=Rule(needed=True, max_length=5), zh="名", en="What it is called")
    note: str | None = member(default=None, rule=Rule(max_length=7))
    ids: str | None = member(default=None, rule=Rule(pattern=Pattern.GUIDS, max_items=2))
    at: str | None = member(default=None, rule=Rule(needed=True, pattern=Pattern.UTC_TIME))
    count: int = member(default=0, rule=Rule(needed=True))
    animal: Animal | int = member(default=0)


SCHEMA = openapi_schema(contract_of(Request), OPENAPI, is_request=True)
PROPERTIES: dict[str, Any] = SCHEMA["properties"]


def test_what_a_rule_needs_is_required_of_a_request_and_an_answer_has_every_member() -> None:
    assert SCHEMA["required"] == ["at", "count", "name"]
    answer = openapi_schema(contract_of(Request), OPENAPI, is_request=False)
    assert answer["required"] == ["zebra", "animal", "at", "count", "ids", "name", "note"]


def test_the_properties_stand_in_the_order_of_xml() -> None:
    assert [*PROPERTIES] == ["zebra", "animal", "at", "count", "ids", "name", "note"]


def test_a_text_that_is_not_needed_may_be_null() -> None:
    assert PROPERTIES["note"] == {"type": ["string", "null"], "maxLength": 7}
    assert PROPERTIES["name"]["type"] == "string"


def test_a_member_is_described_in_both_languages() -> None:
    assert PROPERTIES["name"]["description"] == "名 What it is called"


@pytest.mark.parametrize(("text", "fits"), [("a", True), (" a ", True), ("", False), (" \t\x1c\x85", False)])
def test_a_needed_text_is_not_blank(text: str, fits: bool) -> None:
    assert bool(re.search(PROPERTIES["name"]["pattern"], text)) is fits
    assert PROPERTIES["name"]["minLength"] == 1 and PROPERTIES["name"]["maxLength"] == 5


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        (GUID, True),
        (f" {GUID.upper()} ,{GUID}", True),
        (f"{GUID},{GUID},{GUID}", False),
        (f"{GUID},", False),
        (f"x{GUID}", False),
        ("", False),
    ],
)
def test_a_list_of_guids_has_at_most_as_many_as_its_rule_says(text: str, fits: bool) -> None:
    assert bool(re.search(PROPERTIES["ids"]["pattern"], text)) is fits


@pytest.mark.parametrize(
    ("text", "fits"), [("20260101000000", True), ("2026010100000", False), ("x20260101000000", False)]
)
def test_a_time_has_fourteen_digits(text: str, fits: bool) -> None:
    assert bool(re.search(PROPERTIES["at"]["pattern"], text)) is fits


def test_a_number_is_an_int32_and_a_needed_one_is_not_zero() -> None:
    int32 = {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1}
    assert PROPERTIES["zebra"] == int32
    assert PROPERTIES["count"] == {**int32, "not": {"const": 0}}


def test_only_the_schema_for_xml_has_namespaces_and_names_of_an_enum() -> None:
    xml = openapi_schema(contract_of(Request), OPENAPI_XML, is_request=True)
    assert xml["xml"] == {"name": "Request", "namespace": "urn:zoo"}
    assert xml["properties"]["zebra"]["xml"] == {"namespace": "urn:base"}
    assert xml["properties"]["animal"] == {"type": "string", "enum": ["CAT", "DOG"], "xml": {"namespace": "urn:zoo"}}
    assert "xml" not in SCHEMA and "xml" not in PROPERTIES["zebra"]
    assert PROPERTIES["animal"] == {"type": "integer", "enum": [1, 5], "x-enum-varnames": ["CAT", "DOG"]}
