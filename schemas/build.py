"""schema_of(contract, visitor): a data contract compiled to a marshmallow schema, once.

Members, their order and types come from the declaration. A format adds a visitor, which makes a field of each member.
Names match exactly first, then ignoring case, as in .NET (wire-facts 6.1, 8.4).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import Any, Generic, TypeVar, cast

from marshmallow import Schema, fields

from xml_contracts.contract import Contract, Member
from xml_contracts.errors import DeclarationError
from xml_contracts.reading import Problem, Reading, Reason, Skipped

from .conversions import fold
from .reasons import ConversionFault

T = TypeVar("T")
Arguments = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Visitor(Generic[T]):
    """What a format makes of a member, by its type. `by_type` has one entry for all enums, under IntEnum."""

    format: str
    by_type: Mapping[type, Callable[[Member], T]]

    def visit(self, member: Member) -> T:
        """DeclarationError for a type that the format cannot carry."""
        type_ = IntEnum if issubclass(member.type, IntEnum) else member.type
        if type_ not in self.by_type:
            name = f"{member.declaring.name}.{member.attribute}"
            raise DeclarationError(f"{name}: {self.format} has no spelling of {type_.__name__}")
        return self.by_type[type_](member)


class NotConverted(Exception):
    """A value is not one of its member's type. Not marshmallow's error, which takes a microsecond to make."""

    def __init__(self, reason: Reason, *arguments: str | int) -> None:
        self.reason = reason
        self.arguments = arguments


class MemberField(fields.Field[T]):
    """Base of the fields of every format; what does not convert is NotConverted."""

    def __init__(self, member: Member) -> None:
        super().__init__(data_key=member.name, allow_none=not member.primitive.is_value_type)
        self.member_name = member.name
        self.attribute_name = member.attribute

    def read(self, value: Any) -> T | None:
        """The value converted. A body may have thousands of them, and deserialize() takes four times as long."""
        if value is not None:
            return self._deserialize(value, self.member_name, None)
        if self.allow_none:
            return None
        raise NotConverted(ConversionFault.NULL)


FieldVisitor = Visitor[MemberField[Any]]


class ContractSchema(Schema):
    """The members of a contract; a missing one keeps its default."""

    class Meta:
        register = False

    def __init__(self, contract: Contract) -> None:
        super().__init__()
        self.contract = contract
        fields_ = cast(dict[str, MemberField[Any]], self.fields)
        in_order = [fields_[m.attribute] for m in contract.declared]
        self._by_name = {field.member_name: field for field in in_order}
        self._by_folded_name = {fold(field.member_name): field for field in reversed(in_order)}
        self._lengths = set(map(len, self._by_name))

    def find(self, name: str) -> MemberField[Any] | None:
        """The field of the member that `name` on the wire means; None for an unknown one."""
        field = self._by_name.get(name)
        # Declared names are ASCII, and folding makes nothing ASCII; a client's name may have 64 KiB.
        if field is None and len(name) in self._lengths and name.isascii():
            return self._by_folded_name.get(fold(name))
        return field

    def read(self, values: Collection[tuple[MemberField[Any], Any]]) -> Reading[Any]:
        """An instance made of fields and their values. Each is assigned in turn; what does not convert is left out.

        So does JsonSerializerInternalReader.PopulateObject (wire-facts 6.1). marshmallow's Schema.load takes no name
        twice, and twice the time.
        """
        attributes: dict[str, Any] = {}
        errors: dict[tuple[str, Reason, Arguments], None] = {}
        last_failed: set[str] = set()
        for field, value in values:
            try:
                attributes[field.attribute_name] = field.read(value)
            except NotConverted as error:
                errors[field.member_name, error.reason, error.arguments] = None
                last_failed.add(field.member_name)
            else:
                if last_failed:
                    last_failed.discard(field.member_name)
        repeated = self._repeated(values, attributes, last_failed) if len(attributes) < len(values) else ()
        return Reading(self.contract.cls(**attributes), tuple(Problem(*error) for error in errors), repeated)

    def _repeated(
        self, values: Collection[tuple[MemberField[Any], Any]], attributes: Mapping[str, Any], last_failed: set[str]
    ) -> tuple[Problem, ...]:
        """For each member sent several times: which value counts. If none does, the errors tell it already."""
        times = Counter(field.member_name for field, _ in values)
        return tuple(
            Problem(
                name,
                Skipped.REPEATED_LAST_READABLE_COUNTS if name in last_failed else Skipped.REPEATED_LAST_COUNTS,
            )
            for name, number in times.items()
            if number > 1 and self._by_name[name].attribute_name in attributes
        )


@cache
def schema_of(contract: Contract, visitor: FieldVisitor) -> ContractSchema:
    """The schema of a contract in a format. DeclarationError: a member that the format cannot carry."""
    members = {m.attribute: visitor.visit(m) for m in contract.members}
    schema = type(f"{contract.cls.__name__}{visitor.format.title()}", (ContractSchema,), members)
    return cast(ContractSchema, schema(contract))
