"""The types of the actions as the pages show them: a row a member, or a row a value of an enum."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from xml_contracts.contract import Member, contract_of
from xml_contracts.declare import Pattern, contract_declaration

from ..actions import Action
from ..described import Text

_TYPES: Final = {str: "string", int: "integer"}
_CLR_NAMES: Final = {str: "String", int: "Int32"}


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member: its type by name, `is_model` where that has a page; and what the action demands of it."""

    name: str
    about: Text
    type: str
    is_model: bool
    demands: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class ValueRow:
    """A value of an enum: XML has its name, JSON and forms its number."""

    name: str
    number: int


@dataclass(frozen=True, slots=True)
class Model:
    """A type by the name that the legacy pages give it. An enum has `values`, any other type has `members`."""

    name: str
    members: tuple[MemberRow, ...] = ()
    values: tuple[ValueRow, ...] = ()


def models_of(actions: tuple[Action, ...]) -> dict[str, Model]:
    """Name -> model, for every type that an action with a description takes or gives."""
    classes = (cls for action in actions if action.description for cls in (action.request, action.result))
    return {model.name: model for cls in classes for model in _models(cls)}


def model_name(cls: type) -> str:
    """`ApiResultOfString`, which is not the name in XML: pages of the legacy call the arguments as the CLR does."""
    declaration = contract_declaration(cls)
    arguments = declaration.arguments if declaration else ()
    closed = "Of" + "And".join(_CLR_NAMES[argument] for argument in arguments) if arguments else ""
    return cls.__name__ + closed


def _models(cls: type) -> Iterator[Model]:
    members = contract_of(cls).declared
    yield Model(model_name(cls), members=tuple(map(_row, members)))
    for member in members:
        if issubclass(member.type, IntEnum):
            yield Model(member.type.__name__, values=tuple(ValueRow(v.name, int(v)) for v in member.type))


def _row(member: Member) -> MemberRow:
    type_ = _TYPES.get(member.type)
    about = Text(member.en, member.zh)
    return MemberRow(member.name, about, type_ or member.type.__name__, type_ is None, tuple(_demands(member)))


def _demands(member: Member) -> Iterator[Text]:
    rule = member.rule
    if rule.needed:
        yield Text("Required.", "必填。")
    if rule.needed and member.type is int:
        yield Text("32 bits, with a sign; 0 counts as missing.", "32 位有符号整数；0 视为缺失。")
    if rule.pattern is Pattern.GUIDS:
        yield Text(f"1 to {rule.max_items} GUIDs, separated by commas.", f"1 至 {rule.max_items} 个 GUID，以逗号分隔。")
    if rule.pattern is Pattern.UTC_TIME:
        yield Text("UTC, yyyyMMddHHmmss.", "UTC 时间，格式 yyyyMMddHHmmss。")
    if rule.max_length is not None:
        yield Text(f"At most {rule.max_length} characters.", f"最多 {rule.max_length} 个字符。")
