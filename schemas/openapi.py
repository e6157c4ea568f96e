"""Data contracts as OpenAPI 3.1 schemas, one for each way to spell a contract: JSON and forms, or XML.

They differ in two things: an enum is a number in the one and a name in the other, and XML has an order and namespaces.
The properties stand in the order that XML demands, which other formats do not care about. A rule of a member is in the
schema as far as JSON Schema can say it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Final

from xml_contracts.contract import Contract, Member
from xml_contracts.declare import Pattern, Rule
from xml_contracts.primitives import INT32_MAX, INT32_MIN

from .build import Visitor

Schema = dict[str, Any]
SchemaVisitor = Visitor[Schema]

# White space of JSON Schema is that of JavaScript, which leaves out some that Python counts.
_TEXT_THAT_IS_NOT_BLANK: Final = r"[^\s\u001c-\u001f\u0085]"


def openapi_schema(contract: Contract, visitor: SchemaVisitor, *, is_request: bool) -> Schema:
    """The schema of a contract: its members in the order of XML, each with its description.

    Of a request, the members that its rules need are required; an answer always has every member.
    """
    properties = {member.name: _described(member, visitor.visit(member)) for member in contract.members}
    needed = [member.name for member in contract.members if member.rule.needed or not is_request]
    schema: Schema = {"type": "object", "properties": properties, "required": needed}
    if visitor is OPENAPI_XML:
        schema["xml"] = {"name": contract.name, "namespace": contract.namespace}
        for member in contract.members:
            properties[member.name]["xml"] = {"namespace": member.declaring.namespace}
    return schema


def _described(member: Member, schema: Schema) -> Schema:
    words = " ".join(filter(None, (member.zh, member.en)))
    return {**schema, "description": words} if words else schema


def _text(member: Member) -> Schema:
    return {"type": "string" if member.rule.needed else ["string", "null"], **_text_rule(member.rule)}


def _text_rule(rule: Rule) -> Schema:
    schema: Schema = {}
    if rule.pattern is not None:
        schema["pattern"] = _PATTERNS[rule.pattern](rule)
    elif rule.needed:
        schema |= {"minLength": 1, "pattern": _TEXT_THAT_IS_NOT_BLANK}
    if rule.max_length is not None:
        schema["maxLength"] = rule.max_length
    return schema


def _guids(rule: Rule) -> str:
    item = f" *{Pattern.GUIDS.value} *"
    return f"^{item}(,{item}){{0,{(rule.max_items or 1) - 1}}}$"


def _utc_time(_: Rule) -> str:
    return f"^{Pattern.UTC_TIME.value}$"


_PATTERNS: Final = {Pattern.GUIDS: _guids, Pattern.UTC_TIME: _utc_time}


def _integer(member: Member) -> Schema:
    schema: Schema = {"type": "integer", "format": "int32", "minimum": INT32_MIN, "maximum": INT32_MAX}
    return {**schema, "not": {"const": 0}} if member.rule.needed else schema


def _enum_number(member: Member) -> Schema:
    names: Mapping[str, Any] = member.type.__members__  # type: ignore[attr-defined]
    return {"type": "integer", "enum": [int(value) for value in names.values()], "x-enum-varnames": [*names]}


def _enum_name(member: Member) -> Schema:
    return {"type": "string", "enum": [*member.type.__members__]}  # type: ignore[attr-defined]


OPENAPI: Final[SchemaVisitor] = Visitor("OpenAPI", {str: _text, int: _integer, IntEnum: _enum_number})
"""For JSON and forms."""
OPENAPI_XML: Final[SchemaVisitor] = Visitor("OpenAPI (XML)", {str: _text, int: _integer, IntEnum: _enum_name})
