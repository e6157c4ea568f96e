"""The schemas of contracts: to the byte those that .NET exports, and fit for a validator."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from tests.world import ALICE, ORDER
from xml_contracts import DataContractSerializer, DeclarationError, data_contract, member
from xml_contracts.refund import ApiResult, BaseRequest, Terminal, TicketRefundRequest
from xml_contracts.schema import XML_SCHEMA, Schema, entry, schema_set

RECORDED = Path(__file__).resolve().parents[2] / "vectors" / "xsd" / "recorded.jsonl"
CLR = "http://schemas.datacontract.org/2004/07/"
MODELS = f"{CLR}ChinaTrainTickets.Web.Models"
WEB_API_MODELS = f"{CLR}ChinaTrainTickets.Web.Areas.webApi.Models"


@data_contract(namespace=WEB_API_MODELS)
@dataclass(frozen=True)
class OrderQueryRequest(BaseRequest):
    order_number: str | None = member(default=None)
    phone_number: str | None = member(default=None)
    email: str | None = member(default=None)


@data_contract(namespace=WEB_API_MODELS, name="ApiResultOf{0}{#}", arguments=(int,))
@dataclass(frozen=True)
class ApiResultOfInt:
    code: int = member(default=0)
    message: str | None = member(default=None)
    data: int = member(default=0)


@data_contract(namespace=WEB_API_MODELS, name="PairOf{0}{1}{#}", arguments=(str, int))
@dataclass(frozen=True)
class Pair:
    first: str | None = member(default=None)
    second: int = member(default=0)


@data_contract(namespace="urn:cttrip:generic", name="EnvelopeOf_{0}_{1}_{#}", arguments=(int, str))
@dataclass(frozen=True)
class NamedGeneric:
    a: int = member(default=0)
    b: str | None = member(default=None)


@data_contract(namespace="urn:cttrip:generic", name="Only{0}", arguments=(int,))
@dataclass(frozen=True)
class OnlyOne:
    a: int = member(default=0)


@data_contract(namespace=MODELS)
class TicketType(IntEnum):
    Adult = 0
    Child = 1
    Student = 5


@data_contract(namespace=CLR)
@dataclass(frozen=True)
class Global:
    g: str | None = member(default=None)


@data_contract(namespace=CLR, name="Global")
@dataclass(frozen=True)
class OtherGlobal:
    h: str | None = member(default=None)


@data_contract(namespace="urn:derived")
@dataclass(frozen=True)
class DerivedWithEnum(BaseRequest):
    again: Terminal | int = member(default=0)
    kind: Elsewhere | int = member(default=0)


@data_contract(namespace="urn:elsewhere")
class Elsewhere(IntEnum):
    A = 0


EXPORTED: dict[str, type] = {
    "x-TicketRefundRequest-001": TicketRefundRequest,
    "x-OrderQueryRequest-001": OrderQueryRequest,
    "x-ApiResult<int>-001": ApiResultOfInt,
    "x-Pair<string,int>-001": Pair,
    "x-NamedGeneric<int,string>-001": NamedGeneric,
    "x-OnlyOne<int>-001": OnlyOne,
    "x-Terminal-001": Terminal,
    "x-TicketType-001": TicketType,
    "x-Global-001": Global,
}


def recorded(id_: str) -> list[Schema]:
    for line in RECORDED.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if record["id"] == id_:
            return [Schema(s["namespace"], s["xsd"].partition("?>\n")[2]) for s in record["schemas"]["schemas"]]
    raise LookupError(id_)


@pytest.mark.parametrize("id_", EXPORTED)
def test_a_class_has_the_schemas_that_dotnet_exports_for_it(id_: str) -> None:
    assert list(schema_set(EXPORTED[id_])) == recorded(id_)


def test_every_recorded_set_is_compared() -> None:
    ids = {json.loads(line)["id"] for line in RECORDED.read_text(encoding="utf-8").splitlines()}
    assert ids - EXPORTED.keys() == {"x-List.ApiResult<string>-001"}, "this one has the answer inside a list"


def test_the_answer_has_the_type_and_the_element_that_dotnet_exports_for_it() -> None:
    recorded_lines = recorded("x-List.ApiResult<string>-001")[1].text.splitlines()
    start = recorded_lines.index('  <xs:complexType name="ApiResultOfstring">')
    assert schema_set(ApiResult)[1].text.splitlines()[1:] == recorded_lines[start:]


def test_contracts_of_one_namespace_share_a_schema_and_each_stands_in_it_once() -> None:
    schemas = schema_set(TicketRefundRequest, ApiResult, TicketRefundRequest, OrderQueryRequest)
    assert [s.namespace for s in schemas[1:]] == [WEB_API_MODELS, MODELS]
    names = etree.fromstring(schemas[1].text).xpath("/*/*[local-name() = 'complexType']/@name")
    assert names == ["TicketRefundRequest", "ApiResultOfstring", "OrderQueryRequest"]
    assert schemas[2] == schema_set(TicketRefundRequest)[2]


def test_a_prefix_of_the_base_serves_its_members_and_a_new_one_is_declared_where_it_is_needed() -> None:
    text = schema_set(DerivedWithEnum)[1].text
    assert f'<xs:extension xmlns:q1="{MODELS}" base="q1:BaseRequest">' in text
    assert '<xs:element minOccurs="0" name="again" type="q1:Terminal" />' in text
    assert '<xs:element minOccurs="0" name="kind" xmlns:q2="urn:elsewhere" type="q2:Elsewhere" />' in text


def test_two_contracts_of_one_name_are_refused() -> None:
    with pytest.raises(DeclarationError, match="OtherGlobal: another contract is called Global too"):
        schema_set(Global, OtherGlobal)


class NoContract:
    pass


def test_a_class_that_is_no_contract_is_refused() -> None:
    with pytest.raises(DeclarationError, match="NoContract: not a data contract"):
        schema_set(NoContract)


def test_a_generic_class_that_is_closed_with_another_contract_is_refused() -> None:
    with pytest.raises(DeclarationError, match="Global: an argument must be a primitive type"):
        data_contract(namespace=CLR, name="Of{0}{#}", arguments=(Global,))(OtherGlobal)


@pytest.mark.parametrize("cls", [TicketRefundRequest, DerivedWithEnum, ApiResult])
def test_with_locations_a_schema_says_the_same_and_has_every_prefix_at_its_root(cls: type) -> None:
    for exported, located in zip(schema_set(cls), schema_set(cls, location=location), strict=True):
        root = etree.fromstring(located.text)
        assert meaning(root) == meaning(etree.fromstring(exported.text))
        assert all(element.nsmap.items() <= root.nsmap.items() for element in root.iter() if element.prefix)


def meaning(root: Any) -> list[tuple[str, dict[str, str]]]:
    """Every element with its attributes; names of types in the form that needs no prefix."""
    found = []
    for element in root.iter():
        attributes = {name: value for name, value in element.attrib.items() if name != "schemaLocation"}
        for name in {"base", "type"} & attributes.keys():
            prefix, _, local_name = attributes[name].partition(":")
            attributes[name] = f"{{{element.nsmap[prefix]}}}{local_name}"
        found.append((element.tag, attributes))
    return found


class InMemory(etree.Resolver):
    """Gives the parser the schemas of a set under their locations."""

    def __init__(self, schemas: tuple[Schema, ...]) -> None:
        self.documents = {location(s.namespace): s.document() for s in schemas}

    def resolve(self, system_url: str | None, public_id: str | None, context: Any) -> Any:
        return self.resolve_string(self.documents[system_url or ""], context)


def location(namespace: str) -> str:
    return f"memory:{namespace.rpartition('/')[2] or 'serialization'}"


@pytest.fixture(scope="module")
def validator() -> etree.XMLSchema:
    schemas = schema_set(TicketRefundRequest, ApiResult, location=location)
    parser = etree.XMLParser()
    parser.resolvers.add(InMemory(schemas))
    return etree.XMLSchema(etree.fromstring(entry(schemas, location), parser))


REQUEST = TicketRefundRequest(Terminal.WEBPAGEEnum, "20261123081022", 12345, "0" * 64, ORDER, ALICE, "行程有变 <&>")
SAMPLES: list[Any] = [
    REQUEST,
    TicketRefundRequest(Terminal.WEBPAGEEnum, None, -1, None, None, None, None),
    ApiResult(1, "Cancelled", ALICE),
    ApiResult(2001, "Order not found"),
]


@pytest.mark.parametrize("sample", SAMPLES)
def test_what_the_codec_writes_is_valid(validator: etree.XMLSchema, sample: Any) -> None:
    validator.assertValid(etree.fromstring(DataContractSerializer(type(sample)).write(sample)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<random ", b"<rand0m "),
        (b">WEBPAGEEnum<", b">1<"),
        (b">12345<", b">12345.5<"),
        (b"<order_number>", b'<order_number xmlns="urn:other">'),
        (b"<refund_reason>", b"<refund_reason/><refund_reason>"),
    ],
)
def test_what_the_codec_cannot_read_or_skips_is_not_valid(validator: etree.XMLSchema, old: bytes, new: bytes) -> None:
    document = DataContractSerializer(TicketRefundRequest).write(REQUEST)
    assert old in document
    broken = document.replace(old, new).replace(b"</random>", b"</rand0m>" if b"rand0m" in new else b"</random>")
    assert not validator.validate(etree.fromstring(broken))


def test_the_entry_imports_every_schema_of_the_set() -> None:
    schemas = schema_set(TicketRefundRequest, ApiResult, location=location)
    imports = etree.fromstring(entry(schemas, location)).findall(f"{{{XML_SCHEMA}}}import")
    assert [(i.get("namespace"), i.get("schemaLocation")) for i in imports] == [
        (s.namespace, location(s.namespace)) for s in schemas
    ]
