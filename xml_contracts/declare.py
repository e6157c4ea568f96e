"""Declare a data contract: metadata only, read later by `contract_of`.

A data contract is a dataclass; its members are the fields made by `member`. Nothing here knows
XML or JSON: as in .NET, the declaration is format-neutral.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from enum import Enum
from typing import Any, Final, TypeVar

from .errors import DeclarationError
from .primitives import PRIMITIVES

_CONTRACT = "__data_contract__"
_MEMBER = "data_member"

C = TypeVar("C", bound=type)


@dataclasses.dataclass(frozen=True, slots=True)
class ContractDeclaration:
    """What `data_contract` was told; `name` is the wire name.

    A closed generic class has the `arguments` it was closed with, and a `generic_name` with `{0}` … in their places.
    """

    namespace: str
    name: str
    generic_name: str = ""
    arguments: tuple[type, ...] = ()


class Pattern(Enum):
    """The form of a text. The value is a regular expression that one item of the text matches as a whole."""

    GUIDS = "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
    """A list, separated by commas; blanks around an item do not count, nor does a second equal item."""
    UTC_TIME = "[0-9]{14}"
    """A real time, `yyyyMMddHHmmss`, UTC."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """What an action demands of a member beside its type. Codecs and XSD ignore it, as .NET's attributes know none.

    `needed`: null, a blank text and the number 0 count as missing, and an enum must have a defined value. `max_length`
    counts characters. `max_items` is for a pattern that is a list.
    """

    needed: bool = False
    max_length: int | None = None
    pattern: Pattern | None = None
    max_items: int | None = None


NO_RULE: Final = Rule()


@dataclasses.dataclass(frozen=True, slots=True)
class MemberDeclaration:
    """What `member` was told; `name` None means the attribute's own name."""

    name: str | None
    rule: Rule
    zh: str
    en: str


def data_contract(*, namespace: str, name: str | None = None, arguments: tuple[type, ...] = ()) -> Callable[[C], C]:
    """Mark a dataclass as a data contract; `name` defaults to the class name.

    `ApiResult<string>` of .NET has `arguments=(str,)` and the name that .NET gives to the generic class,
    `ApiResultOf{0}{#}`. DeclarationError: an argument is no primitive type.
    """

    def declare(cls: C) -> C:
        given = name or cls.__name__
        declaration = _closed(namespace, given, arguments) if arguments else ContractDeclaration(namespace, given)
        setattr(cls, _CONTRACT, declaration)
        return cls

    return declare


def _closed(namespace: str, generic_name: str, arguments: tuple[type, ...]) -> ContractDeclaration:
    # `{#}` is a digest of the namespaces of the arguments. .NET leaves it out where all of them are primitive.
    if others := [argument.__name__ for argument in arguments if argument not in PRIMITIVES]:
        raise DeclarationError(f"{generic_name}: {', '.join(others)}: an argument must be a primitive type")
    names = (PRIMITIVES[argument].xsd_name for argument in arguments)
    return ContractDeclaration(namespace, generic_name.format(*names, **{"#": ""}), generic_name, arguments)


def member(*, default: object, name: str | None = None, rule: Rule = NO_RULE, zh: str = "", en: str = "") -> Any:
    """A data member; `default` is the value of a member that is not on the wire (the CLR default).

    `zh` and `en` describe it in Chinese and English for whoever reads a page about the contract.
    """
    return dataclasses.field(default=default, metadata={_MEMBER: MemberDeclaration(name, rule, zh, en)})


def contract_declaration(cls: type) -> ContractDeclaration | None:
    """The declaration made on this very class, not on a base."""
    declaration: ContractDeclaration | None = vars(cls).get(_CONTRACT)
    return declaration


def member_declaration(field: dataclasses.Field[Any]) -> MemberDeclaration | None:
    """The declaration of one dataclass field, None for a field that is no member."""
    declaration: MemberDeclaration | None = field.metadata.get(_MEMBER)
    return declaration
