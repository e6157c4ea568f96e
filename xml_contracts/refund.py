"""THE declarations of api/order/cancel: every codec, rule and page reads these and nothing else.

Spelled as on the wire (`refund_passanger_ids`), in the order the CLR classes declare them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from .declare import data_contract, member

_MODELS = "http://schemas.datacontract.org/2004/07/ChinaTrainTickets.Web.Models"
_WEB_API_MODELS = "http://schemas.datacontract.org/2004/07/ChinaTrainTickets.Web.Areas.webApi.Models"


@data_contract(namespace=_MODELS)
class Terminal(IntEnum):
    """The front end a request comes from (终端); a new one is one more line."""

    WEBPAGEEnum = 1


@data_contract(namespace=_MODELS)
@dataclass(frozen=True, slots=True)
class BaseRequest:
    """What every signed request carries."""

    terminal: Terminal | int = member(default=0)
    time_stamp: str | None = member(default=None)
    random: int = member(default=0)
    sign: str | None = member(default=None)


@data_contract(namespace=_WEB_API_MODELS)
@dataclass(frozen=True, slots=True)
class TicketRefundRequest(BaseRequest):
    """Cancel passengers of an order and refund them."""

    order_number: str | None = member(default=None)
    refund_passanger_ids: str | None = member(default=None)
    refund_reason: str | None = member(default=None)


@data_contract(namespace=_WEB_API_MODELS, name="ApiResultOfstring")
@dataclass(frozen=True, slots=True)
class ApiResult:
    """The answer of every action; `ApiResult<string>` in .NET."""

    code: int = member(default=0)
    message: str | None = member(default=None)
    data: str | None = member(default=None)
