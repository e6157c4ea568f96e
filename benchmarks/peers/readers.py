"""The same request read by the peers, each declared the way its documentation shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import pydantic_xml
import xmltodict
from xsdata.formats.dataclass.context import XmlContext
from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.parsers.handlers import LxmlEventHandler

BASE: Final = "http://schemas.datacontract.org/2004/07/ChinaTrainTickets.Web.Models"
DERIVED: Final = "http://schemas.datacontract.org/2004/07/ChinaTrainTickets.Web.Areas.webApi.Models"


class PydanticRequest(pydantic_xml.BaseXmlModel, tag="TicketRefundRequest", ns="", nsmap={"": DERIVED, "b": BASE}):
    random: int = pydantic_xml.element(ns="b")
    sign: str | None = pydantic_xml.element(ns="b", default=None)
    terminal: str = pydantic_xml.element(ns="b")
    time_stamp: str | None = pydantic_xml.element(ns="b", default=None)
    order_number: str | None = pydantic_xml.element(default=None)
    refund_passanger_ids: str | None = pydantic_xml.element(default=None)
    refund_reason: str | None = pydantic_xml.element(default=None)


def _element(namespace: str) -> dict[str, str]:
    return {"type": "Element", "namespace": namespace}


@dataclass
class XsdataRequest:
    class Meta:
        name = "TicketRefundRequest"
        namespace = DERIVED

    random: int | None = field(default=None, metadata=_element(BASE))
    sign: str | None = field(default=None, metadata=_element(BASE))
    terminal: str | None = field(default=None, metadata=_element(BASE))
    time_stamp: str | None = field(default=None, metadata=_element(BASE))
    order_number: str | None = field(default=None, metadata=_element(DERIVED))
    refund_passanger_ids: str | None = field(default=None, metadata=_element(DERIVED))
    refund_reason: str | None = field(default=None, metadata=_element(DERIVED))


_XSDATA = XmlParser(context=XmlContext(), handler=LxmlEventHandler)


def _read_xsdata(body: bytes) -> object:
    return _XSDATA.from_bytes(body, XsdataRequest)


XML_READERS: Final[dict[str, Callable[[bytes], object]]] = {
    "pydantic-xml": PydanticRequest.from_xml,
    "xsdata": _read_xsdata,
    "xmltodict": xmltodict.parse,
}
