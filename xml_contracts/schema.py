"""schema_set(classes): XML Schema documents of data contracts, as .NET's XsdDataContractExporter makes them.

There is one document a namespace. A class becomes a type and an element; a derived class extends its base; an enum is a
list of names. The contracts are exported in the order in which .NET meets them: a class, its base, then the types of
its members. From that order follow the order of the documents, and of the types and imports in each. The text is the
same to the byte: tests/vectors/xsd has what .NET wrote.

Rules that an action has for a member beside its type are not in it, because .NET's attributes know none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from .attributes import SERIALIZATION
from .contract import Member, contract_of
from .declare import ContractDeclaration, contract_declaration
from .errors import DeclarationError
from .primitives import PRIMITIVES

XML_SCHEMA: Final = "http://www.w3.org/2001/XMLSchema"
_DECLARATION: Final = '<?xml version="1.0" encoding="utf-8"?>\n'

Location = Callable[[str], str]
"""Where a reader of a schema finds the schema of a namespace: a URL, relative or absolute."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The schema of one namespace; `text` has no XML declaration."""

    namespace: str
    text: str

    def document(self) -> bytes:
        """The schema as a file, in UTF-8."""
        return (_DECLARATION + self.text + "\n").encode()


# Read when the module is, because the modules that read it are then in memory before gunicorn forks its workers.
_NET_TYPES: Final = Schema(
    SERIALIZATION,
    Path(__file__).with_name("serialization.xsd").read_text(encoding="utf-8").removeprefix(_DECLARATION).rstrip("\n"),
)


def schema_set(*classes: type, location: Location | None = None) -> tuple[Schema, ...]:
    """The schemas that the contracts of these classes need together, that of .NET's own types first.

    Without a `location` they are as .NET writes them: an import names a namespace alone. With one they are for tools of
    any kind, of which some look for the prefixes at the root alone. DeclarationError: a class cannot be a data
    contract, or two have the same name.
    """
    documents: dict[str, _Document] = {}
    for cls in (met for root in classes for met in _in_order_of_export(root)):
        declaration = _declared(cls)
        types = documents.setdefault(declaration.namespace, _Document(declaration.namespace)).types
        if types.setdefault(declaration.name, cls) is not cls:
            raise DeclarationError(f"{cls.__name__}: another contract is called {declaration.name} too")
    return (_NET_TYPES, *(Schema(d.namespace, d.text(location)) for d in documents.values()))


def entry(schemas: tuple[Schema, ...], location: Location) -> bytes:
    """A document without a namespace of its own that imports all the schemas: one URL for whoever wants them all."""
    root = Element("xs:schema", {"xmlns:xs": XML_SCHEMA})
    for schema in schemas:
        root.append(_import(schema.namespace, location))
    indent(root)
    return (_DECLARATION + tostring(root, encoding="unicode") + "\n").encode()


def _in_order_of_export(cls: type) -> Iterator[type]:
    """The class, and what its schema needs, in the order of DataContractSet.Add."""
    yield cls
    if issubclass(cls, IntEnum):
        return
    base = _base(cls)
    if base is not None:
        yield from _in_order_of_export(base)
    for member in _own_members(cls):
        if issubclass(member.type, IntEnum):
            yield member.type


def _base(cls: type) -> type | None:
    return next((c for c in cls.__mro__[1:] if contract_declaration(c) is not None), None)


def _own_members(cls: type) -> list[Member]:
    return [member for member in contract_of(cls).members if member.declaring is contract_declaration(cls)]


def _declared(cls: type) -> ContractDeclaration:
    declaration = contract_declaration(cls)
    if declaration is None:
        raise DeclarationError(f"{cls.__name__}: not a data contract")
    return declaration


def _import(namespace: str, location: Location | None) -> Element:
    where = {"schemaLocation": location(namespace)} if location else {}
    return Element("xs:import", {**where, "namespace": namespace})


@dataclass(slots=True)
class _Document:
    """One schema in the making. `imports` has its namespaces in the order in which they were needed."""

    namespace: str
    types: dict[str, type] = field(default_factory=dict)
    imports: dict[str, None] = field(default_factory=dict)
    prefixes: int = 0

    def text(self, location: Location | None) -> str:
        attributes = {"xmlns:tns": self.namespace, "elementFormDefault": "qualified"}
        root = Element("xs:schema", {**attributes, "targetNamespace": self.namespace, "xmlns:xs": XML_SCHEMA})
        for name, cls in self.types.items():
            root.append(self._enum(name, cls) if issubclass(cls, IntEnum) else self._class(name, cls))
            SubElement(root, "xs:element", {"name": name, "nillable": "true", "type": f"tns:{name}"})
        root[:0] = [_import(namespace, location) for namespace in self.imports]
        if location is not None:
            _declare_prefixes_at(root)
        indent(root)
        return tostring(root, encoding="unicode")

    def _class(self, name: str, cls: type) -> Element:
        type_ = Element("xs:complexType", {"name": name})
        if _declared(cls).arguments:
            type_.append(_generic(_declared(cls)))
        base, content = _base(cls), type_
        scope: dict[str, str] = {}
        if base is not None:
            content = SubElement(SubElement(type_, "xs:complexContent", {"mixed": "false"}), "xs:extension")
            content.attrib.update(self._reference("base", _declared(base), scope))
        sequence = SubElement(content, "xs:sequence")
        for member in _own_members(cls):
            sequence.append(self._member(member, scope))
        if base is not None and _declared(base).namespace != self.namespace:
            self.imports[_declared(base).namespace] = None  # after the imports of the members, as .NET has it
        return type_

    def _member(self, member: Member, scope: dict[str, str]) -> Element:
        element = Element("xs:element", {"minOccurs": "0", "name": member.name})
        if not member.primitive.is_value_type:
            element.set("nillable", "true")
        if issubclass(member.type, IntEnum):
            declaration = _declared(member.type)
            element.attrib.update(self._reference("type", declaration, dict(scope)))
            if declaration.namespace != self.namespace:
                self.imports[declaration.namespace] = None
        else:
            element.set("type", f"xs:{member.primitive.xsd_name}")
        return element

    def _reference(self, attribute: str, to: ContractDeclaration, scope: dict[str, str]) -> dict[str, str]:
        """An attribute that names a type. A prefix that `scope` does not have yet is declared beside it."""
        if to.namespace == self.namespace:
            return {attribute: f"tns:{to.name}"}
        if to.namespace in scope:
            return {attribute: f"{scope[to.namespace]}:{to.name}"}
        self.prefixes += 1
        scope[to.namespace] = prefix = f"q{self.prefixes}"
        return {f"xmlns:{prefix}": to.namespace, attribute: f"{prefix}:{to.name}"}

    def _enum(self, type_name: str, cls: type[IntEnum]) -> Element:
        type_ = Element("xs:simpleType", {"name": type_name})
        names = SubElement(type_, "xs:restriction", {"base": "xs:string"})
        for number, (name, value) in enumerate(cls.__members__.items()):
            element = SubElement(names, "xs:enumeration", {"value": name})
            if value != number:
                information = SubElement(SubElement(element, "xs:annotation"), "xs:appinfo")
                SubElement(information, "EnumerationValue", {"xmlns": SERIALIZATION}).text = str(int(value))
                self.imports[SERIALIZATION] = None
        return type_


def _declare_prefixes_at(root: Element) -> None:
    for element in list(root.iter())[1:]:
        for name in [name for name in element.attrib if name.startswith("xmlns:")]:
            root.set(name, element.attrib.pop(name))


def _generic(declaration: ContractDeclaration) -> Element:
    """From which generic class a class was made, and with which arguments."""
    annotation = Element("xs:annotation")
    names = {"Name": declaration.generic_name, "Namespace": declaration.namespace, "xmlns": SERIALIZATION}
    generic = SubElement(SubElement(annotation, "xs:appinfo"), "GenericType", names)
    for argument in declaration.arguments:
        name = PRIMITIVES[argument].xsd_name
        SubElement(generic, "GenericParameter", {"Name": name, "Namespace": XML_SCHEMA})
    return annotation
