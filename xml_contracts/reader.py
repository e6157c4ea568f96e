"""Text + contract -> instance, by the rules of DataContractSerializer (facts.md 4.14-4.27).

The one module that knows lxml, in tree mode only: a parser *target* switches its guards off.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from lxml import etree

from .attributes import LOOKED_AT, NO_ATTRIBUTES, SERIALIZATION, Attributes, read_attributes
from .contract import Contract, Member
from .declare import contract_declaration
from .errors import DocumentError
from .primitives import read_int32
from .prolog import BLANK, check_well_formed

_ANY_TYPE: Final = f"{{{SERIALIZATION}}}anyType"
_XSD_INT: Final = "{http://www.w3.org/2001/XMLSchema}int"


@dataclass(frozen=True, slots=True)
class Document:
    """What was read: `value` is None for a root that is i:nil; `ignored` are (name, reason) of elements skipped."""

    value: Any
    ignored: tuple[tuple[str, str], ...] = ()


class Reader:
    """Reads the documents of one contract; whatever does not depend on a document is made here, once."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._members = contract.members
        self._positions = {m.qname: i for i, m in enumerate(contract.members)}
        self._namespaces = {m.name: m.declaring.namespace for m in contract.members}
        # XmlObjectSerializer.IsRootElement: the name of a base contract will do, and anyType.
        self._roots = {contract.qname, _ANY_TYPE, *(f"{{{base.namespace}}}{base.name}" for base in contract.bases)}

    def read(self, text: str) -> Document:
        """The document in `text`; DocumentError for anything DataContractSerializer refuses."""
        root = _parse(text)
        name = self._contract.name
        if root.tag not in self._roots:
            raise DocumentError(f"root element {_shown(str(root.tag))}, expected {_shown(self._contract.qname)}")
        attributes = _attributes(root)
        if attributes.ref:
            raise DocumentError(f"{name}: no z:Id {attributes.ref[:40]!r} before it")
        if attributes.nil:
            return Document(None)
        if attributes.type and _resolve(root, attributes.type) != self._contract.qname:
            raise DocumentError(f"{name}: unknown i:type {attributes.type[:80]!r}")
        _refuse_text(root.text)
        return self._read_members(root, {attributes.id: root} if attributes.id else {})

    def _read_members(self, root: etree._Element, objects: dict[str, Any]) -> Document:
        values: dict[str, Any] = {}
        ignored: dict[tuple[str, str], None] = {}
        last = -1
        for element in root:
            _refuse_text(element.tail)
            tag = str(element.tag)
            position = self._positions.get(tag, -1)
            # GetMemberIndex searches forward only: what comes too late is skipped, not refused.
            if position > last:
                last = position
                member = self._members[position]
                values[member.attribute] = _read_member(element, member, objects)
            else:
                _attributes(element)
                ignored[self._ignored(tag, position, values)] = None
        return Document(self._contract.cls(**values), tuple(ignored))

    def _ignored(self, tag: str, position: int, values: dict[str, Any]) -> tuple[str, str]:
        if position < 0:
            name = tag.rpartition("}")[2]
            namespace = self._namespaces.get(name)
            return name[:40], "unknown" if namespace is None else f"wrong namespace: expected {namespace}"
        member = self._members[position]
        if member.attribute in values:
            return member.name, "repeated: the first one counts"
        follower = next(m.name for m in self._members[position:] if m.attribute in values)
        return member.name, f"out of order: must come before {follower}"


def _read_member(element: etree._Element, member: Member, objects: dict[str, Any]) -> Any:
    attributes = _attributes(element)
    if member.primitive.is_value_type and (attributes.ref or attributes.nil or attributes.id):
        raise DocumentError(f"{member.name}: a value type has no i:nil, z:Id or z:Ref")
    if attributes.ref:
        return _referred(attributes.ref, member, objects)
    if attributes.nil:
        return None
    if len(element):
        raise DocumentError(f"{member.name}: an element inside, expected text")
    read = _type_reader(element, member, attributes.type) if attributes.type else member.primitive.read
    try:
        value = read(element.text or "")
    except ValueError as error:
        raise DocumentError(f"{member.name}: {error}") from None
    if attributes.id:
        if attributes.id in objects:
            raise DocumentError(f"{member.name}: z:Id {attributes.id[:40]!r} is not unique")
        objects[attributes.id] = value
    return value


def _referred(ref: str, member: Member, objects: dict[str, Any]) -> Any:
    value = objects.get(ref)
    if not isinstance(value, member.type):
        raise DocumentError(f"{member.name}: no z:Id {ref[:40]!r} before it, or not of its type")
    return value


def _type_reader(element: etree._Element, member: Member, type_: str) -> Callable[[str], Any]:
    """Only an enum looks at i:type: it may be its own name, or xsd:int, whose value unboxes to it."""
    if not issubclass(member.type, IntEnum):
        return member.primitive.read
    resolved = _resolve(element, type_)
    if resolved == _XSD_INT:
        return read_int32
    own = contract_declaration(member.type)
    if own is None or resolved != f"{{{own.namespace}}}{own.name}":
        raise DocumentError(f"{member.name}: unknown i:type {type_[:80]!r}")
    return member.primitive.read


def _resolve(element: etree._Element, type_: str) -> str:
    """XmlObjectSerializerReadContext.ParseQualifiedName; with an undeclared prefix it is a name that no type has."""
    prefix, colon, name = type_.partition(":")
    if not colon:
        prefix, name = "", type_
    return f"{{{element.nsmap.get(prefix or None, '')}}}{name}"


def _attributes(element: etree._Element) -> Attributes:
    names = element.keys()
    if not names:
        return NO_ATTRIBUTES
    # Not items(): lxml searches each value by its name, 60 ms for an element full of attributes.
    return read_attributes({name: element.get(name, "") for name in LOOKED_AT.intersection(names)})


def _refuse_text(text: str | None) -> None:
    if text and (stray := text.strip(BLANK)):
        raise DocumentError(f"text {stray[:40]!r} outside the members")


def _shown(tag: str) -> str:
    namespace, _, name = tag.rpartition("}")
    return f"{name[:80]!r} in namespace {namespace[1:121]!r}"


def _new_parser(*, recover: bool = False) -> etree.XMLParser:
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,  # so libxml2 stops below 256 levels, which is .NET's MaxDepth too (facts.md 4.1)
        remove_comments=True,
        collect_ids=False,  # the values of xml:id are nobody's business
        recover=recover,
    )


class _Local(threading.local):
    """A parser a thread: a shared one locks, and a new one for each document adds a fifth to the parse."""

    def __init__(self) -> None:
        self.parser = _new_parser()


_LOCAL: Final = _Local()
_NAMESPACE_IS_NO_URI: Final = {etree.ErrorTypes.WAR_NS_URI, etree.ErrorTypes.WAR_NS_URI_RELATIVE}


def _parse(text: str) -> etree._Element:
    data = text.encode()
    try:
        return etree.fromstring(data, _LOCAL.parser)
    except etree.XMLSyntaxError as error:
        if error.code in _NAMESPACE_IS_NO_URI:
            check_well_formed(text)
            return _parse_despite_namespaces(data)
        raise _unreadable(error.code, *error.position) from None


def _parse_despite_namespaces(data: bytes) -> etree._Element:
    """For well-formed text: libxml2 wants namespace names to be URIs, .NET takes any; nothing else may be wrong."""
    parser = _new_parser(recover=True)
    root = etree.fromstring(data, parser)
    for entry in parser.error_log:
        if entry.type not in _NAMESPACE_IS_NO_URI:
            raise _unreadable(entry.type, entry.line, entry.column)
    return root


def _unreadable(code: int, line: int, column: int) -> DocumentError:
    reason = "more than 256 levels deep" if code == etree.ErrorTypes.ERR_RESOURCE_LIMIT else "not well-formed XML"
    return DocumentError(f"{reason}: line {line}, column {column}")
