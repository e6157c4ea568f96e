"""The formatters for JSON, XML and forms: their media types, and how they read and write any pair of contracts.

What cannot be read becomes a value (an error of the Reading), never an exception (wire-facts section 0).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from schemas.build import schema_of
from schemas.form.fields import FORM
from schemas.form.text import read_form
from schemas.json.fields import JSON
from schemas.json.text import JsonWriter, read_json, write_object
from xml_contracts.contract import contract_of
from xml_contracts.errors import DeclarationError, DocumentError
from xml_contracts.reading import Reading
from xml_contracts.serializer import DataContractSerializer
from xml_contracts.writer import xml_text

from .media import Formatter, HttpError, MediaType

Write = Callable[[Any, str], bytes]

_JSON_TYPES: Final = (MediaType("application", "json"), MediaType("text", "json"))
_XML_TYPES: Final = (MediaType("application", "xml"), MediaType("text", "xml"))
_FORM_TYPES: Final = (MediaType("application", "x-www-form-urlencoded"),)


def formatters_for(
    request: type, result: type, formats: tuple[str, ...] = ("json", "xml", "form")
) -> tuple[Formatter, ...]:
    """The formatters of an action that takes a `request` and gives a `result`, in the order that breaks ties.

    DeclarationError: a format that does not exist, none that answers, or a member that one of the formats cannot carry.
    """
    if unknown := sorted(set(formats) - _MAKERS.keys()):
        raise DeclarationError(f"no such format: {', '.join(unknown)}; there are {', '.join(_MAKERS)}")
    formatters = tuple(make(request, result) for name, make in _MAKERS.items() if name in formats)
    if all(formatter.write is None for formatter in formatters):
        raise DeclarationError(f"{request.__name__}: none of its formats can write an answer")
    return formatters


def _json(request: type, result: type) -> Formatter:
    schema = schema_of(contract_of(request), JSON)

    def read(body: bytes, charset: str) -> Reading[Any]:
        try:
            return read_json(schema, body, charset)
        except DocumentError as error:
            return Reading(None, (error.problem,))

    write = JsonWriter(contract_of(result)).write
    return Formatter("json", _JSON_TYPES, read, _or_error(write, _write_json_error))


def _xml(request: type, result: type) -> Formatter:
    serializer = DataContractSerializer[Any](request)

    def read(body: bytes, charset: str) -> Reading[Any]:
        if not body:
            return Reading(None)
        try:
            return serializer.read_document(body, charset)
        except DocumentError as error:
            return Reading(None, (error.problem,))

    write = DataContractSerializer(result).write
    return Formatter("xml", _XML_TYPES, read, _or_error(write, _write_xml_error))


def _form(request: type, result: type) -> Formatter:
    schema = schema_of(contract_of(request), FORM)

    def read(body: bytes, charset: str) -> Reading[Any]:
        try:
            return read_form(schema, body)
        except DocumentError as error:
            return Reading(None, (error.problem,))

    return Formatter("form", _FORM_TYPES, read, None)


def _or_error(write_result: Write, write_error: Callable[[HttpError, str], bytes]) -> Write:
    def write(value: Any, charset: str) -> bytes:
        return write_error(value, charset) if isinstance(value, HttpError) else write_result(value, charset)

    return write


def _write_json_error(error: HttpError, charset: str) -> bytes:
    return write_object([("Message", error.message)], charset)


def _write_xml_error(error: HttpError, charset: str) -> bytes:
    mark, encoding = (b"\xff\xfe", "utf-16-le") if charset == "utf-16" else (b"", "utf-8")
    return mark + f"<Error><Message>{xml_text(error.message)}</Message></Error>".encode(encoding)


def _read_nothing(body: bytes, charset: str) -> Reading[Any]:
    return Reading(None)


_MAKERS: Final[Mapping[str, Callable[[type, type], Formatter]]] = {"json": _json, "xml": _xml, "form": _form}
"""By name. The order is that of the legacy (wire-facts 1.1): where nothing else decides, the first formatter does."""

OUTSIDE_ANY_ACTION: Final = (
    Formatter("json", _JSON_TYPES, _read_nothing, _write_json_error),
    Formatter("xml", _XML_TYPES, _read_nothing, _write_xml_error),
)
"""For requests that no action takes: these formatters write an HttpError and read nothing."""
