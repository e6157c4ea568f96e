"""A schema follows from the declaration alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import pytest

from schemas.build import Lexical, Reading, schema_of
from schemas.fields import FormEnum, FormInteger, FormString, JsonEnum, JsonInteger, JsonString
from schemas.form.text import read_form
from schemas.json.text import read_json, write_json
from schemas.refund import TICKET_REFUND_FORM, TICKET_REFUND_JSON
from xml_contracts.contract import contract_of
from xml_contracts.declare import data_contract, member
from xml_contracts.refund import TicketRefundRequest


@data_contract(namespace="urn:zoo")
class Kind(IntEnum):
    Bird = 1
    Fish = 2


@data_contract(namespace="urn:zoo")
@dataclass(frozen=True)
class Animal:
    kind: Kind | int = member(default=Kind.Fish)
    legs: int = member(default=4)


@data_contract(namespace="urn:zoo")
@dataclass(frozen=True)
class Pet(Animal):
    call_name: str | None = member(default="?", name="Name")
    other_name: str | None = member(default=None, name="NAME")


PET = contract_of(Pet)


@pytest.mark.parametrize(
    ("lexical", "classes"),
    [(Lexical.JSON, (JsonString, JsonInteger, JsonEnum)), (Lexical.FORM, (FormString, FormInteger, FormEnum))],
)
def test_the_type_of_a_member_and_the_format_choose_its_field(
    lexical: Lexical, classes: tuple[type, type, type]
) -> None:
    fields = schema_of(PET, lexical).fields
    assert list(fields) == ["kind", "legs", "other_name", "call_name"]
    assert [fields[name].data_key for name in fields] == ["kind", "legs", "NAME", "Name"]
    assert tuple(type(fields[name]) for name in ("call_name", "legs", "kind")) == classes


def test_a_schema_is_compiled_once() -> None:
    assert schema_of(PET, Lexical.JSON) is schema_of(contract_of(Pet), Lexical.JSON)
    assert schema_of(contract_of(TicketRefundRequest), Lexical.JSON) is TICKET_REFUND_JSON
    assert schema_of(contract_of(TicketRefundRequest), Lexical.FORM) is TICKET_REFUND_FORM


def test_another_contract_needs_nothing_but_its_declaration() -> None:
    expected = Pet(kind=Kind.Bird, legs=2, call_name="Tweety")
    assert read_json(schema_of(PET, Lexical.JSON), b'{"Name":"Tweety","KIND":"bird","legs":2}', "utf-8") == Reading(
        expected
    )
    assert read_form(schema_of(PET, Lexical.FORM), b"Name=Tweety&kind=1&LEGS=0x2") == Reading(expected)
    assert write_json(PET, expected, "utf-8") == b'{"Name":"Tweety","NAME":null,"kind":1,"legs":2}'


def test_a_missing_member_keeps_its_default() -> None:
    assert read_json(schema_of(PET, Lexical.JSON), b"{}", "utf-8") == Reading(Pet())


@pytest.mark.parametrize(
    ("name", "found"),
    [("Name", "Name"), ("NAME", "NAME"), ("name", "Name"), ("nAME", "Name"), ("names", None), ("", None)],
)
def test_a_name_is_matched_exactly_before_its_case_is_ignored(name: str, found: str | None) -> None:
    assert schema_of(PET, Lexical.JSON).find(name) == found
