"""schema_of(contract, visitor): a data contract compiled to a marshmallow schema, once.

Members, their order and types come from the declaration. A format adds a visitor, which makes a field of each member.
Names match exactly first, then ignoring case, as in .NET (wire-facts 6.1, 8.4).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
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

    def read(self, value: Any, name: str) -> T | None:
        """The value converted. A body may have thousands of them, and deserialize() takes four times as long."""
        if value is not None:
            return self._deserialize(value, name, None)
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
        self._names = {m.name: m.name for m in contract.declared}
        self._folded = {fold(m.name): m.name for m in reversed(contract.declared)}
        self._lengths = set(map(len, self._names))
        fields_ = cast(dict[str, MemberField[Any]], self.fields)
        self._by_name = {m.name: (m.attribute, fields_[m.attribute]) for m in contract.declared}

    def find(self, name: str) -> str | None:
        """The name of the member that `name` on the wire means; None for an unknown one."""
        member = self._names.get(name)
        # Declared names are ASCII, and folding makes nothing ASCII; a client's name may have 64 KiB.
        if member is None and len(name) in self._lengths and name.isascii():
            return self._folded.get(fold(name))
        return member

    def read(self, values: Sequence[tuple[str, Any]]) -> Reading[Any]:
        """An instance made of (member name, value) pairs. Each is assigned in turn; what does not convert is left out.

        So does JsonSerializerInternalReader.PopulateObject (wire-facts 6.1). marshmallow's Schema.load takes no name
        twice, and twice the time.
        """
        attributes: dict[str, Any] = {}
        errors: dict[tuple[str, Reason, Arguments], None] = {}
        last_failed: set[str] = set()
        for name, value in values:
            attribute, field = self._by_name[name]
            try:
                attributes[attribute] = field.read(value, name)
            except NotConverted as error:
                errors[name, error.reason, error.arguments] = None
                last_failed.add(name)
            else:
                last_failed.discard(name)
        repeated = self._repeated(values, attributes, last_failed) if len(attributes) < len(values) else ()
        return Reading(self.contract.cls(**attributes), tuple(Problem(*error) for error in errors), repeated)

    def _repeated(
        self, values: Sequence[tuple[str, Any]], attributes: Mapping[str, Any], last_failed: set[str]
    ) -> tuple[Problem, ...]:
        """For each member sent several times: which value counts. If none does, the errors tell it already."""
        times = Counter(name for name, _ in values)
        return tuple(
            Problem(
                name,
                Skipped.REPEATED_LAST_READABLE_COUNTS if name in last_failed else Skipped.REPEATED_LAST_COUNTS,
            )
            for name, number in times.items()
            if number > 1 and self._by_name[name][0] in attributes
        )


@cache
def schema_of(contract: Contract, visitor: FieldVisitor) -> ContractSchema:
    """The schema of a contract in a format. DeclarationError: a member that the format cannot carry."""
    members = {m.attribute: visitor.visit(m) for m in contract.members}
    schema = type(f"{contract.cls.__name__}{visitor.format.title()}", (ContractSchema,), members)
    return cast(ContractSchema, schema(contract))
