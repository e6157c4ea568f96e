"""Declare a data contract: metadata only, read later by `contract_of`.

A data contract is a dataclass; its members are the fields made by `member`. Nothing here knows
XML or JSON: as in .NET, the declaration is format-neutral.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

_CONTRACT = "__data_contract__"
_MEMBER = "data_member"

C = TypeVar("C", bound=type)


@dataclasses.dataclass(frozen=True, slots=True)
class ContractDeclaration:
    """What `data_contract` was told; `name` is the wire name."""

    namespace: str
    name: str


@dataclasses.dataclass(frozen=True, slots=True)
class MemberDeclaration:
    """What `member` was told; `name` None means the attribute's own name."""

    name: str | None


def data_contract(*, namespace: str, name: str | None = None) -> Callable[[C], C]:
    """Mark a dataclass as a data contract; `name` defaults to the class name."""

    def declare(cls: C) -> C:
        setattr(cls, _CONTRACT, ContractDeclaration(namespace, name or cls.__name__))
        return cls

    return declare


def member(*, default: object, name: str | None = None) -> Any:
    """A data member; `default` is the value of a member that is not on the wire (the CLR default)."""
    return dataclasses.field(default=default, metadata={_MEMBER: MemberDeclaration(name)})


def contract_declaration(cls: type) -> ContractDeclaration | None:
    """The declaration made on this very class, not on a base."""
    declaration: ContractDeclaration | None = vars(cls).get(_CONTRACT)
    return declaration


def member_declaration(field: dataclasses.Field[Any]) -> MemberDeclaration | None:
    """The declaration of one dataclass field, None for a field that is no member."""
    declaration: MemberDeclaration | None = field.metadata.get(_MEMBER)
    return declaration
