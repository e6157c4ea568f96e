"""Samples of contracts in each format, made by the codecs that the service reads and writes with."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final
from urllib.parse import urlencode

from xml_contracts.contract import contract_of
from xml_contracts.serializer import DataContractSerializer


def numbered_sample(cls: type) -> Any:
    """An instance as the legacy pages show it: the n-th member is n or `sample string n`. Enums do not count."""
    values: dict[str, Any] = {}
    numbers = itertools.count(1)
    for member in contract_of(cls).declared:
        if issubclass(member.type, IntEnum):
            values[member.attribute] = next(iter(member.type))
        else:
            values[member.attribute] = next(numbers) if member.type is int else f"sample string {next(numbers)}"
    return cls(**values)


def values_of(instance: Any) -> dict[str, Any]:
    """Wire name -> value, an enum as its number: the members as JSON and forms have them."""
    cls: type = type(instance)
    values = {member.name: getattr(instance, member.attribute) for member in contract_of(cls).declared}
    return {name: int(value) if isinstance(value, int) else value for name, value in values.items()}


def xml_of(instance: Any) -> str:
    """One line."""
    cls: type = type(instance)
    return DataContractSerializer(cls).write(instance).decode()


def _json_lines(instance: Any) -> str:
    return json.dumps(values_of(instance), ensure_ascii=False, indent=2)


def _xml_lines(instance: Any) -> str:
    root, *members, end = xml_of(instance).replace("><", ">\n<").split("\n")
    return "\n".join([root, *(f"  {member}" for member in members), end])


def _form_line(instance: Any) -> str:
    return urlencode({name: value for name, value in values_of(instance).items() if value is not None})


LINES: Final[dict[str, Callable[[Any], str]]] = {"json": _json_lines, "xml": _xml_lines, "form": _form_line}
"""Format -> how a sample is written for people: a line a member, and a form in one line."""
