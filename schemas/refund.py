"""The schemas of api/order/cancel, compiled at import: nothing is built for a request."""

from __future__ import annotations

from typing import Final

from xml_contracts.contract import contract_of
from xml_contracts.refund import TicketRefundRequest

from .build import Lexical, schema_of

TICKET_REFUND_JSON: Final = schema_of(contract_of(TicketRefundRequest), Lexical.JSON)
TICKET_REFUND_FORM: Final = schema_of(contract_of(TicketRefundRequest), Lexical.FORM)
