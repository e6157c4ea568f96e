"""A schema follows from the declaration alone, and a format refuses what it cannot carry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum

import pytest

from schemas.build import ContractSchema, FieldVisitor, Visitor, schema_of
from schemas.form.fields import FORM, FormEnum, FormInteger, FormString
from schemas.form.text import read_form
from schemas.json.fields import JSON, JsonEnum, JsonInteger, JsonString
from schemas.json.text import JsonWriter, read_json
from xml_contracts.contract import Contract, contract_of
from xml_contracts.declare import data_contract, member
from xml_contracts.errors import DeclarationError
from xml_contracts.primitives import PRIMITIVES, Primitive
from xml_contracts.reading import Reading


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
    ("visitor", "classes"), [(JSON, (JsonString, JsonInteger, JsonEnum)), (FORM, (FormString, FormInteger, FormEnum))]
)
def test_the_type_of_a_member_and_the_format_choose_its_field(
    visitor: FieldVisitor, classes: tuple[type, type, type]
) -> None:
    fields = schema_of(PET, visitor).fields
    assert list(fields) == ["kind", "legs", "other_name", "call_name"]
    assert [fields[name].data_key for name in fields] == ["kind", "legs", "NAME", "Name"]
    assert tuple(type(fields[name]) for name in ("call_name", "legs", "kind")) == classes


def test_a_schema_is_compiled_once() -> None:
    assert schema_of(PET, JSON) is schema_of(contract_of(Pet), JSON)
    assert schema_of(PET, JSON) is not schema_of(PET, FORM)


def test_another_contract_needs_nothing_but_its_declaration() -> None:
    expected = Pet(kind=Kind.Bird, legs=2, call_name="Tweety")
    assert read_json(schema_of(PET, JSON), b'{"Name":"Tweety","KIND":"bird","legs":2}', "utf-8") == Reading(expected)
    assert read_form(schema_of(PET, FORM), b"Name=Tweety&kind=1&LEGS=0x2") == Reading(expected)
    assert JsonWriter(PET).write(expected, "utf-8") == b'{"Name":"Tweety","NAME":null,"kind":1,"legs":2}'


def test_a_missing_member_keeps_its_default() -> None:
    assert read_json(schema_of(PET, JSON), b"{}", "utf-8") == Reading(Pet())


@pytest.mark.parametrize(
    ("name", "member_name"),
    [("Name", "Name"), ("NAME", "NAME"), ("name", "Name"), ("nAME", "Name"), ("names", None), ("", None)],
)
def test_a_name_is_matched_exactly_before_its_case_is_ignored(name: str, member_name: str | None) -> None:
    field = schema_of(PET, JSON).find(name)
    assert (None if field is None else field.member_name) == member_name


@pytest.fixture
def priced(monkeypatch: pytest.MonkeyPatch) -> Contract:
    """A contract with a type that XML has learnt and the other formats have not."""
    monkeypatch.setitem(PRIMITIVES, Decimal, Primitive("decimal", Decimal, str, is_value_type=True))

    @data_contract(namespace="urn:zoo")
    @dataclass(frozen=True)
    class Priced:
        price: Decimal = member(default=Decimal(0))

    return contract_of(Priced)


@pytest.mark.parametrize(
    "compile_",
    [lambda contract: schema_of(contract, JSON), lambda contract: schema_of(contract, FORM), JsonWriter],
    ids=["JSON fields", "form fields", "JSON writer"],
)
def test_a_type_that_a_format_has_no_spelling_of_is_refused_when_the_contract_is_compiled(
    priced: Contract, compile_: Callable[[Contract], ContractSchema | JsonWriter]
) -> None:
    with pytest.raises(DeclarationError, match=r"Priced\.price: (JSON|form) has no spelling of Decimal"):
        compile_(priced)


def test_a_visitor_takes_an_enum_by_its_kind_and_any_other_type_by_itself() -> None:
    visitor: Visitor[str] = Visitor("test", {int: lambda m: f"int {m.name}", IntEnum: lambda m: f"enum {m.name}"})

    def visit(attribute: str) -> str:
        return visitor.visit(next(m for m in PET.members if m.attribute == attribute))

    assert (visit("legs"), visit("kind")) == ("int legs", "enum kind")
    with pytest.raises(DeclarationError, match=r"Pet\.call_name: test has no spelling of str"):
        visit("call_name")
