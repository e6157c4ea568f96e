"""schema_of(contract, lexical): a data contract compiled to a marshmallow schema, once.

Members, their order and types come from the declaration; only the field classes differ by format.
Names match exactly first, then ignoring case, as in .NET (facts.md 6.1, 8.4).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, IntEnum
from functools import cache
from typing import Any, NamedTuple, cast

from marshmallow import Schema, ValidationError, fields

from xml_contracts.contract import Contract, Member

from .conversions import fold
from .fields import FormEnum, FormInteger, FormString, JsonEnum, JsonInteger, JsonString


class FieldClasses(NamedTuple):
    """The field class of each type."""

    string: type[JsonString] | type[FormString]
    integer: type[JsonInteger] | type[FormInteger]
    enum: type[JsonEnum] | type[FormEnum]


class Lexical(Enum):
    """Whose spelling of values a schema takes."""

    JSON = FieldClasses(JsonString, JsonInteger, JsonEnum)
    FORM = FieldClasses(FormString, FormInteger, FormEnum)


class Reading(NamedTuple):
    """An instance of the contract or None, and (member or None, reason) for what could not be read."""

    value: Any
    errors: tuple[tuple[str | None, str], ...] = ()


class ContractSchema(Schema):
    """The members of a contract; a missing one keeps its default."""

    class Meta:
        register = False

    def __init__(self, contract: Contract) -> None:
        super().__init__()
        self.contract = contract
        self._names = {m.name: m.name for m in contract.declared}
        self._folded = {fold(m.name): m.name for m in reversed(contract.declared)}
        self._by_name = {m.name: (m.attribute, self.fields[m.attribute]) for m in contract.declared}

    def find(self, name: str) -> str | None:
        """The member that a name on the wire means, None for an unknown one."""
        return self._names.get(name) or self._folded.get(fold(name))

    def read(self, values: Iterable[tuple[str, Any]]) -> Reading:
        """The instance of (member name, value), each assigned in its turn; one that fails changes nothing.

        As JsonSerializerInternalReader.PopulateObject does; Schema.load takes every name once, and twice the time.
        """
        attributes: dict[str, Any] = {}
        errors: dict[tuple[str | None, str], None] = {}
        failed: set[object] = set()
        for name, value in values:
            text = (name, type(value), value) if isinstance(value, str) else None
            if text in failed:
                continue
            attribute, field = self._by_name[name]
            try:
                attributes[attribute] = field.deserialize(value, name)
            except ValidationError as error:
                errors |= {(name, str(reason)): None for reason in error.messages}
                if text is not None:
                    failed.add(text)
        return Reading(self.contract.cls(**attributes), tuple(errors))


@cache
def schema_of(contract: Contract, lexical: Lexical) -> ContractSchema:
    """The schema of a contract in a format; compiled at the first call, at import where it is a constant."""
    members = {m.attribute: _field(m, lexical) for m in contract.members}
    name = f"{contract.cls.__name__}{lexical.name.title()}"
    schema = type(name, (ContractSchema,), members)
    return cast(ContractSchema, schema(contract))


def _field(member: Member, lexical: Lexical) -> fields.Field[Any]:
    classes: FieldClasses = lexical.value
    if issubclass(member.type, IntEnum):
        return classes.enum(member.type, data_key=member.name)
    if member.type is int:
        return classes.integer(data_key=member.name)
    return classes.string(data_key=member.name, allow_none=True)
