"""Documents of TicketRefundRequest, whole or with one thing changed."""

from __future__ import annotations

from xml_contracts import DataContractSerializer
from xml_contracts.refund import Terminal, TicketRefundRequest

MODELS = "http://schemas.datacontract.org/2004/07/ChinaTrainTickets.Web.Models"
WEB_API_MODELS = "http://schemas.datacontract.org/2004/07/ChinaTrainTickets.Web.Areas.webApi.Models"

SERIALIZER = DataContractSerializer(TicketRefundRequest)

EMPTY = TicketRefundRequest()
FULL = TicketRefundRequest(
    terminal=Terminal.WEBPAGEEnum,
    time_stamp="20261123081022",
    random=10482,
    sign="5f1d",
    order_number="CTT1",
    refund_passanger_ids="3288010F",
    refund_reason="行程有变",
)
FULL_CONTENT = (
    "<b:random>10482</b:random><b:sign>5f1d</b:sign><b:terminal>WEBPAGEEnum</b:terminal>"
    "<b:time_stamp>20261123081022</b:time_stamp><order_number>CTT1</order_number>"
    "<refund_passanger_ids>3288010F</refund_passanger_ids><refund_reason>行程有变</refund_reason>"
)


def document(content: str = "", *, root: str = "TicketRefundRequest", attributes: str = "") -> str:
    """A document with the prefixes i, z, x and b (the base contract's namespace) declared on the root."""
    return (
        f'<{root} xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns:x="http://www.w3.org/2001/XMLSchema" '
        f'xmlns:z="http://schemas.microsoft.com/2003/10/Serialization/" xmlns:b="{MODELS}" '
        f'xmlns="{WEB_API_MODELS}"{attributes}>{content}</{root}>'
    )


def read(text: str) -> TicketRefundRequest | None:
    return SERIALIZER.read(text.encode())
