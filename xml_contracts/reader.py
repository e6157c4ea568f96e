"""Element tree + contract -> instance, by the rules of DataContractSerializer (wire-facts 4.14-4.27).

What is difficult: .NET reads members forward only. It keeps the position of the last member it took, in the order of
the contract; an element whose member stands further on moves the position there, and every other element is skipped
without a word. So one pass over the children of the root has two states for each element:

- taken: its position is beyond the last one. It is read by the type of its member; what does not convert fails the
  whole document.
- skipped: it is unknown, has another namespace, comes again or comes too late. Only its own attributes are looked at,
  because .NET looks at them too. Why it was skipped is worked out after the pass (`_ignored`), so that a document in
  order pays nothing for it.

`z:Id` and `z:Ref` copy a value read earlier, so the pass also keeps the values by id.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final

from .attributes import LOOKED_AT, NO_ATTRIBUTES, SERIALIZATION, Attributes, read_attributes
from .contract import Contract, Member
from .declare import contract_declaration
from .errors import DocumentError, ValueNotReadable
from .parsing import Element, parse
from .primitives import read_int32
from .prolog import BLANK
from .reading import IgnoredMembers, Problem, Reading, Skipped
from .reasons import MemberFault, XmlFault

_ANY_TYPE: Final = f"{{{SERIALIZATION}}}anyType"
_XSD_INT: Final = "{http://www.w3.org/2001/XMLSchema}int"


class Reader:
    """Reads the documents of one contract; whatever does not depend on a document is made here, once."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._members = contract.members
        self._slots = [(m.attribute, m.primitive.read, m) for m in contract.members]
        self._positions: dict[Any, int] = {m.qname: i for i, m in enumerate(contract.members)}
        self._namespaces = {m.name: m.declaring.namespace for m in contract.members}
        # XmlObjectSerializer.IsRootElement: the name of a base contract will do, and anyType.
        self._roots = {contract.qname, _ANY_TYPE, *(f"{{{base.namespace}}}{base.name}" for base in contract.bases)}

    def read(self, text: str) -> Reading[Any]:
        """The document in `text`; DocumentError for anything DataContractSerializer refuses."""
        root = parse(text)
        name = self._contract.name
        if root.tag not in self._roots:
            raise DocumentError(XmlFault.OTHER_ROOT, *_shown(str(root.tag)), *_shown(self._contract.qname))
        attributes = _attributes(root)
        if attributes.ref:
            raise DocumentError(XmlFault.ROOT_IS_REFERENCE, name, attributes.ref[:40])
        if attributes.nil:
            return Reading(None)
        if attributes.type and _resolve(root, attributes.type) != self._contract.qname:
            raise DocumentError(XmlFault.ROOT_OF_UNKNOWN_TYPE, name, attributes.type[:80])
        _refuse_text(root.text)
        return self._read_members(root, {attributes.id: root} if attributes.id else {})

    def _read_members(self, root: Element, objects: dict[str, Any]) -> Reading[Any]:
        values: dict[str, Any] = {}
        skipped: dict[str, int] = {}
        last = -1
        for element in root:
            if element.tail:
                _refuse_text(element.tail)
            position = self._positions.get(element.tag, -1)
            # GetMemberIndex searches forward only: what comes too late is skipped, not refused.
            if position > last:
                last = position
                attribute, read, member = self._slots[position]
                if element.keys():
                    values[attribute] = _read_member(element, member, objects)
                else:
                    values[attribute] = _read_text(element, member, read)
            else:
                _attributes(element)
                skipped[str(element.tag)] = position
        return Reading(self._contract.cls(**values), (), self._ignored(skipped, values) if skipped else ())

    def _ignored(self, skipped: dict[str, int], values: dict[str, Any]) -> tuple[Problem, ...]:
        """Why each tag was skipped; `skipped` has its position in the contract, -1 for none."""
        ignored = IgnoredMembers()
        for tag, position in skipped.items():
            name = tag.rpartition("}")[2]
            if position < 0 and name not in self._namespaces:
                ignored.add_unknown(name)
            elif position < 0:
                ignored.add(name, Skipped.WRONG_NAMESPACE, self._namespaces[name])
            elif self._members[position].attribute in values:
                ignored.add(name, Skipped.REPEATED_FIRST_COUNTS)
            else:
                # The nearest follower that was read: it was read before this tag, or the tag would not be skipped.
                follower = next(m.name for m in self._members[position:] if m.attribute in values)
                ignored.add(name, Skipped.OUT_OF_ORDER, follower)
        return ignored.problems()


def _read_member(element: Element, member: Member, objects: dict[str, Any]) -> Any:
    """The value of an element that has attributes."""
    attributes = _attributes(element)
    if member.primitive.is_value_type and (attributes.ref or attributes.nil or attributes.id):
        raise DocumentError(MemberFault.VALUE_TYPE_CANNOT_REFER, member=member.name)
    if attributes.ref:
        return _referred(attributes.ref, member, objects)
    if attributes.nil:
        return None
    read = _type_reader(element, member, attributes.type) if attributes.type else member.primitive.read
    value = _read_text(element, member, read)
    if attributes.id:
        if attributes.id in objects:
            raise DocumentError(MemberFault.REPEATED_ID, attributes.id[:40], member=member.name)
        objects[attributes.id] = value
    return value


def _read_text(element: Element, member: Member, read: Callable[[str], Any]) -> Any:
    if len(element):
        raise DocumentError(MemberFault.ELEMENT_INSIDE, member=member.name)
    try:
        return read(element.text or "")
    except ValueNotReadable as error:
        raise DocumentError(error.reason, *error.arguments, member=member.name) from None


def _referred(ref: str, member: Member, objects: dict[str, Any]) -> Any:
    value = objects.get(ref)
    if not isinstance(value, member.type):
        raise DocumentError(MemberFault.UNKNOWN_REFERENCE, ref[:40], member=member.name)
    return value


def _type_reader(element: Element, member: Member, type_: str) -> Callable[[str], Any]:
    """Only an enum looks at i:type: it may be its own name, or xsd:int, whose value unboxes to it."""
    if not issubclass(member.type, IntEnum):
        return member.primitive.read
    resolved = _resolve(element, type_)
    if resolved == _XSD_INT:
        return read_int32
    own = contract_declaration(member.type)
    if own is None or resolved != f"{{{own.namespace}}}{own.name}":
        raise DocumentError(MemberFault.UNKNOWN_TYPE, type_[:80], member=member.name)
    return member.primitive.read


def _resolve(element: Element, type_: str) -> str:
    """XmlObjectSerializerReadContext.ParseQualifiedName; with an undeclared prefix it is a name that no type has."""
    prefix, colon, name = type_.partition(":")
    if not colon:
        prefix, name = "", type_
    return f"{{{element.nsmap.get(prefix or None, '')}}}{name}"


def _attributes(element: Element) -> Attributes:
    names = element.keys()
    if not names:
        return NO_ATTRIBUTES
    # Not items(): lxml searches each value by its name, 60 ms for an element full of attributes.
    return read_attributes({name: element.get(name, "") for name in LOOKED_AT.intersection(names)})


def _refuse_text(text: str | None) -> None:
    if text and (stray := text.strip(BLANK)):
        raise DocumentError(XmlFault.TEXT_OUTSIDE_MEMBERS, stray[:40])


def _shown(tag: str) -> tuple[str, str]:
    """Name and namespace, cut."""
    namespace, _, name = tag.rpartition("}")
    return name[:80], namespace[1:121]
