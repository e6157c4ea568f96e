"""contract_of(cls): compiles a declaration once, so that a request finds every name and type resolved.

The order of the members in XML is that of .NET: base class first, within a class ordinal by name (wire-facts 4.15).
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import Any

from .declare import ContractDeclaration, Pattern, Rule, contract_declaration, member_declaration
from .errors import DeclarationError
from .primitives import PRIMITIVES, Primitive, enum_primitive

# Names of ASCII that XmlConvert.EncodeLocalName does not change.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Member:
    """One data member; `type` is str, int or an IntEnum, `declaring` the contract whose namespace it has.

    `rule`, `zh` and `en` are as declared: what an action demands of it, and what it is in Chinese and English.
    """

    name: str
    attribute: str
    qname: str
    type: type
    default: Any
    primitive: Primitive
    declaring: ContractDeclaration
    rule: Rule
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Contract:
    """A compiled data contract. `members` in XML wire order, `declared` as JSON writes them: derived class first."""

    cls: type
    name: str
    namespace: str
    qname: str
    members: tuple[Member, ...]
    declared: tuple[Member, ...]
    bases: tuple[ContractDeclaration, ...]


@cache
def contract_of(cls: type) -> Contract:
    """Compile the data contract of a dataclass; DeclarationError names class and member."""
    own = _declaration(cls)
    if not dataclasses.is_dataclass(cls):
        raise DeclarationError(f"{cls.__name__}: a data contract must be a dataclass")
    groups = _members_by_class(cls)
    members = tuple(m for group in groups for m in sorted(group, key=lambda m: m.name.encode("utf-16-be")))
    declared = tuple(m for group in reversed(groups) for m in group)
    _check_unique(cls, members)
    bases = tuple(d for c in cls.__mro__[1:] if (d := contract_declaration(c)) is not None)
    return Contract(cls, own.name, own.namespace, f"{{{own.namespace}}}{own.name}", members, declared, bases)


def _declaration(cls: type) -> ContractDeclaration:
    declaration = contract_declaration(cls)
    if declaration is None:
        raise DeclarationError(f"{cls.__name__}: not a data contract; decorate it with @data_contract(namespace=…)")
    if not _NAME.fullmatch(declaration.name):
        raise DeclarationError(f"{cls.__name__}: {declaration.name!r} is not a name for an XML element")
    return declaration


def _members_by_class(cls: type) -> list[list[Member]]:
    try:
        hints = typing.get_type_hints(cls)
    except NameError as error:
        raise DeclarationError(f"{cls.__name__}: {error}") from error
    fields = {f.name: f for f in dataclasses.fields(cls)}
    groups = []
    for declaring_class in reversed(cls.__mro__):
        own = [fields.pop(name) for name in inspect.get_annotations(declaring_class) if name in fields]
        if own:
            declaring = _declaration(declaring_class)
            groups.append([_member(cls, field, hints[field.name], declaring) for field in own])
    return groups


def _member(cls: type, field: dataclasses.Field[Any], hint: Any, declaring: ContractDeclaration) -> Member:
    where = f"{cls.__name__}.{field.name}"
    declaration = member_declaration(field)
    if declaration is None:
        raise DeclarationError(f"{where}: declare it with member(default=…)")
    name = declaration.name or field.name
    if not _NAME.fullmatch(name):
        raise DeclarationError(f"{where}: {name!r} is not a name for an XML element")
    type_ = _declared_type(hint)
    if type_ is None:
        known = ", ".join(["int", "str", "str | None", "an IntEnum", "an IntEnum | int"])
        raise DeclarationError(f"{where}: type {hint!r} is not one of {known}")
    if _is_enum(type_):
        _declaration(type_)
    primitive = enum_primitive(type_) if _is_enum(type_) else PRIMITIVES[type_]
    _check_default(where, field.default, hint, primitive)
    _check_rule(where, type_, declaration.rule)
    return Member(
        name=name,
        attribute=field.name,
        qname=f"{{{declaring.namespace}}}{name}",
        type=type_,
        default=field.default,
        primitive=primitive,
        declaring=declaring,
        rule=declaration.rule,
        zh=declaration.zh,
        en=declaration.en,
    )


def _check_default(where: str, default: Any, hint: Any, primitive: Primitive) -> None:
    """The default must be a value of the annotation that can be written; an enum may default to an undefined number."""
    choices = typing.get_args(hint) or (hint,)
    fits = isinstance(default, choices) and (bool in choices or not isinstance(default, bool))
    if fits and default is not None and not any(map(_is_enum, choices)):
        try:
            primitive.write(default)
        except ValueError:
            fits = False
    if not fits:
        raise DeclarationError(f"{where}: the default {default!r:.40} is no value of {hint!r}")


def _check_rule(where: str, type_: type, rule: Rule) -> None:
    """A rule that nothing could check is refused, lest somebody relies on it."""
    of_text = rule.max_length, rule.pattern, rule.max_items
    if type_ is not str and any(demand is not None for demand in of_text):
        raise DeclarationError(f"{where}: only a text can have a length, a pattern or items")
    if (rule.pattern is Pattern.GUIDS) != (rule.max_items is not None):
        raise DeclarationError(f"{where}: max_items goes with a pattern that is a list, and only with it")


def _check_unique(cls: type, members: tuple[Member, ...]) -> None:
    seen: dict[str, Member] = {}
    for member in members:
        if member.qname in seen:
            raise DeclarationError(f"{cls.__name__}.{member.attribute}: {member.name!r} is declared twice")
        seen[member.qname] = member


def _declared_type(hint: Any) -> type | None:
    """`str | None` -> str; `SomeEnum | int` -> SomeEnum: an enum member may hold an undefined number, as in .NET."""
    is_union = isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
    choices = set(typing.get_args(hint)) if is_union else {hint}
    if len(choices) == 1 and (PRIMITIVES.keys() >= choices or _is_enum(hint)):
        type_: type = choices.pop()
        return type_
    if choices == {str, types.NoneType}:
        return str
    enums = [choice for choice in choices - {int} if _is_enum(choice)]
    return enums[0] if len(enums) == 1 and choices == {enums[0], int} else None


def _is_enum(type_: Any) -> bool:
    return isinstance(type_, type) and issubclass(type_, IntEnum)
