"""JSON, XML and forms: media types, and what reads and writes them. The order of FORMATTERS is policy.

What cannot be read is a value here, never an exception (facts.md section 0).
"""

from __future__ import annotations

from typing import Final

from schemas.form.text import read_form
from schemas.json.text import read_json, write_json, write_object
from schemas.refund import TICKET_REFUND_FORM, TICKET_REFUND_JSON
from xml_contracts.contract import contract_of
from xml_contracts.errors import DocumentError
from xml_contracts.refund import ApiResult, TicketRefundRequest
from xml_contracts.serializer import DataContractSerializer
from xml_contracts.writer import xml_text

from .media import Bound, Formatter, HttpError, MediaType

_RESULT: Final = contract_of(ApiResult)
_XML_REQUEST: Final = DataContractSerializer(TicketRefundRequest)
_XML_RESULT: Final = DataContractSerializer(ApiResult)


def _read_json(body: bytes, charset: str) -> Bound[TicketRefundRequest]:
    try:
        return Bound(*read_json(TICKET_REFUND_JSON, body, charset))
    except DocumentError as error:
        return _unreadable("JSON", error)


def _read_form(body: bytes, charset: str) -> Bound[TicketRefundRequest]:
    try:
        return Bound(*read_form(TICKET_REFUND_FORM, body))
    except DocumentError as error:
        return _unreadable("form", error)


def _read_xml(body: bytes, charset: str) -> Bound[TicketRefundRequest]:
    if not body:
        return Bound(None)
    try:
        document = _XML_REQUEST.read_document(body, charset)
    except DocumentError as error:
        return _unreadable("XML", error)
    return Bound(document.value, (), document.ignored)


def _unreadable(what: str, error: DocumentError) -> Bound[TicketRefundRequest]:
    return Bound(None, ((None, f"{what} cannot be read: {error}"),))


def _write_json(value: ApiResult | HttpError, charset: str) -> bytes:
    if isinstance(value, HttpError):
        return write_object([("Message", value.message)], charset)
    return write_json(_RESULT, value, charset)


def _write_xml(value: ApiResult | HttpError, charset: str) -> bytes:
    if isinstance(value, HttpError):
        mark, encoding = (b"\xff\xfe", "utf-16-le") if charset == "utf-16" else (b"", "utf-8")
        return mark + f"<Error><Message>{xml_text(value.message)}</Message></Error>".encode(encoding)
    return _XML_RESULT.write(value, charset)


JSON: Final = Formatter("json", (MediaType("application", "json"), MediaType("text", "json")), _read_json, _write_json)
XML: Final = Formatter("xml", (MediaType("application", "xml"), MediaType("text", "xml")), _read_xml, _write_xml)
FORM: Final = Formatter("form", (MediaType("application", "x-www-form-urlencoded"),), _read_form, None)

FORMATTERS: Final = (JSON, XML, FORM)
