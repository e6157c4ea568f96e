"""The attributes that DataContractSerializer looks at; it ignores every other one (wire-facts 4.22-4.25).

As in System.Runtime.Serialization.Attributes.Read, a bad value fails the document, even on an element that is skipped
(wire-facts 4.18).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from .errors import DocumentError, ValueNotReadable
from .primitives import read_int32
from .prolog import BLANK
from .reasons import XmlFault

SERIALIZATION: Final = "http://schemas.microsoft.com/2003/10/Serialization/"
SCHEMA_INSTANCE: Final = "http://www.w3.org/2001/XMLSchema-instance"

_NIL: Final = f"{{{SCHEMA_INSTANCE}}}nil"
_TYPE: Final = f"{{{SCHEMA_INSTANCE}}}type"
_ID: Final = f"{{{SERIALIZATION}}}Id"
_REF: Final = f"{{{SERIALIZATION}}}Ref"
_SIZE: Final = f"{{{SERIALIZATION}}}Size"
LOOKED_AT: Final = frozenset({_NIL, _TYPE, _ID, _REF, _SIZE})

_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}


@dataclass(slots=True)
class Attributes:
    """`i:nil`, `i:type`, `z:Id` and `z:Ref` of one element; an empty `i:type` counts as none."""

    nil: bool = False
    type: str = ""
    id: str = ""
    ref: str = ""


NO_ATTRIBUTES: Final = Attributes()


def read_attributes(values: Mapping[str, str]) -> Attributes:
    """`values` has the attributes of one element that are in LOOKED_AT. DocumentError: one has a bad value."""
    if _SIZE in values:
        _check_size(values[_SIZE])
    return Attributes(
        nil=_boolean(values.get(_NIL, "false")),
        type=values.get(_TYPE, ""),
        id=_not_empty("z:Id", values[_ID]) if _ID in values else "",
        ref=_not_empty("z:Ref", values[_REF]) if _REF in values else "",
    )


def _boolean(value: str) -> bool:
    try:
        return _BOOLEANS[value.strip(BLANK)]
    except KeyError:
        raise DocumentError(XmlFault.NIL_IS_NO_BOOLEAN, value[:40]) from None


def _not_empty(name: str, value: str) -> str:
    if not value:
        raise DocumentError(XmlFault.EMPTY_ATTRIBUTE, name)
    return value


def _check_size(value: str) -> None:
    try:
        acceptable = read_int32(value) >= 0
    except ValueNotReadable:
        acceptable = False
    if not acceptable:
        raise DocumentError(XmlFault.BAD_SIZE, value[:40])
