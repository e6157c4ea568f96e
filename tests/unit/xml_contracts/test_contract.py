"""Declarations: what is compiled, and what is refused by class and member when the module is imported."""

from __future__ import annotations

from dataclasses import dataclass, field, make_dataclass
from enum import Enum, IntEnum
from typing import Any

import pytest

from xml_contracts import DataContractSerializer, DeclarationError, contract_of
from xml_contracts.declare import data_contract, member
from xml_contracts.refund import ApiResult, BaseRequest, Terminal, TicketRefundRequest

NAMESPACE = "urn:test"


@data_contract(namespace=NAMESPACE)
class Colour(IntEnum):
    RED = 1


@data_contract(namespace=NAMESPACE)
class Other(IntEnum):
    RED = 1


class Undeclared(IntEnum):
    ONE = 1


class Plain(Enum):
    ONE = 1


@data_contract(namespace=NAMESPACE)
class NotADataclass:
    pass


@dataclass(frozen=True)
class NotAContract:
    name: str | None = member(default=None)


@data_contract(namespace=NAMESPACE)
@dataclass(frozen=True)
class BaseIsNoContract(NotAContract):
    other: str | None = member(default=None)


@data_contract(namespace=NAMESPACE)
@dataclass(frozen=True)
class PlainField:
    name: str | None = field(default=None)


@data_contract(namespace=NAMESPACE)
@dataclass(frozen=True)
class FloatMember:
    price: float = member(default=0.0)


@data_contract(namespace=NAMESPACE)
@dataclass(frozen=True)
class NullableInt:
    count: int | None = member(default=None)


@data_contract(namespace=NAMESPACE)
@dataclass(frozen=True)
class TwoTypes:
    value: str | int | None = member(default=None)


@data_contract(namespace=NAMESPACE)
@dataclass(frozen=True)
class PlainEnum:
    value: Plain = member(default=Plain.ONE)


@data_contract(namespace=NAMESPACE)
@dataclass(frozen=True)
class UndeclaredEnum:
    value: Undeclared | int = member(default=0)


@data_contract(namespace=NAMESPACE)
@dataclass(frozen=True)
class UnknownHint:
    value: Nowhere | None = member(default=None)  # type: ignore[name-defined]  # noqa: F821


@data_contract(namespace=NAMESPACE)
@dataclass(frozen=True)
class BadMemberName:
    value: str | None = member(default=None, name="a b")


@data_contract(namespace=NAMESPACE, name="1st")
@dataclass(frozen=True)
class BadName:
    value: str | None = member(default=None)


@data_contract(namespace=NAMESPACE)
@dataclass(frozen=True)
class Twice:
    first: str | None = member(default=None, name="same")
    second: str | None = member(default=None, name="same")


@data_contract(namespace='urn:a?b&c"d', name="Renamed")
@dataclass(frozen=True)
class Everything:
    zeta: str = member(default="")
    Alpha: int = member(default=0)
    alpha: Colour = member(default=Colour.RED)
    beta: Colour | int = member(default=0, name="wire.name")


def with_default(annotation: Any, default: object) -> type:
    """A contract of one member, `value`."""
    fields = [("value", annotation, member(default=default))]
    return data_contract(namespace=NAMESPACE)(make_dataclass("WithDefault", fields, frozen=True))


@pytest.mark.parametrize(
    ("annotation", "default"),
    [
        (int, None), (int, "0"), (int, 0.0), (int, False), (int, 2**31), (int, -(2**31) - 1),
        (str, None), (str, 0), (str | None, 0), (str | None, b""),
        (Colour, 0), (Colour, 1), (Colour, None), (Colour, Other.RED), (Colour | int, None), (Colour | int, "RED"),
        (Colour | int, True), (Colour | int, 0.0),
    ],
)  # fmt: skip
def test_a_default_of_another_type_is_refused(annotation: Any, default: object) -> None:
    with pytest.raises(DeclarationError, match=r"WithDefault\.value: the default .* is no value of"):
        contract_of(with_default(annotation, default))


@pytest.mark.parametrize(
    ("annotation", "default"),
    [
        (int, 0), (int, 2**31 - 1), (int, -(2**31)), (str, ""), (str | None, None), (str | None, "x"),
        (Colour, Colour.RED), (Colour | int, 0), (Colour | int, 99), (Colour | int, Colour.RED),
    ],
)  # fmt: skip
def test_a_default_of_the_annotation_is_taken(annotation: Any, default: object) -> None:
    (only,) = contract_of(with_default(annotation, default)).members
    assert only.default == default


@pytest.mark.parametrize(
    ("cls", "words"),
    [
        (int, "int: not a data contract"),
        (NotADataclass, "NotADataclass: a data contract must be a dataclass"),
        (BaseIsNoContract, "NotAContract: not a data contract"),
        (PlainField, r"PlainField\.name: declare it with member"),
        (FloatMember, r"FloatMember\.price: type <class 'float'>"),
        (NullableInt, r"NullableInt\.count: type int \| None"),
        (TwoTypes, r"TwoTypes\.value: type"),
        (PlainEnum, r"PlainEnum\.value: type"),
        (UndeclaredEnum, "Undeclared: not a data contract"),
        (UnknownHint, "UnknownHint: name 'Nowhere'"),
        (BadMemberName, r"BadMemberName\.value: 'a b'"),
        (BadName, "BadName: '1st'"),
        (Twice, r"Twice\.second: 'same' is declared twice"),
    ],
)
def test_a_class_that_cannot_be_a_contract_is_refused_by_name(cls: type, words: str) -> None:
    for compile_ in (contract_of, DataContractSerializer):
        with pytest.raises(DeclarationError, match=words):
            compile_(cls)


def test_xml_order_is_base_class_first_then_ordinal_and_json_order_the_other_way_round() -> None:
    contract = contract_of(TicketRefundRequest)
    base = ["random", "sign", "terminal", "time_stamp"]
    assert [m.name for m in contract.members] == [*base, "order_number", "refund_passanger_ids", "refund_reason"]
    assert [m.name for m in contract.declared] == [
        "order_number", "refund_passanger_ids", "refund_reason", "terminal", "time_stamp", "random", "sign",
    ]  # fmt: skip


def test_ordinal_order_puts_capitals_first() -> None:
    assert [m.name for m in contract_of(Everything).members] == ["Alpha", "alpha", "wire.name", "zeta"]


def test_a_member_knows_its_type_its_default_and_its_declaring_contract() -> None:
    random, _, terminal, *_ = contract_of(TicketRefundRequest).members
    assert (random.type, random.default, random.attribute) == (int, 0, "random")
    assert (terminal.type, terminal.default) == (Terminal, 0)
    assert random.declaring.namespace == contract_of(BaseRequest).namespace
    assert random.qname == "{http://schemas.datacontract.org/2004/07/ChinaTrainTickets.Web.Models}random"


def test_a_contract_is_compiled_once() -> None:
    assert contract_of(ApiResult) is contract_of(ApiResult)
    assert contract_of(ApiResult).name == "ApiResultOfstring"


def test_every_kind_of_member_survives_writing_and_reading() -> None:
    serializer = DataContractSerializer(Everything)
    for value in (Everything(), Everything("z", -1, Colour.RED, Colour.RED)):
        written = Everything(value.zeta, value.Alpha, value.alpha, Colour.RED)
        assert serializer.read(serializer.write(written)) == written
