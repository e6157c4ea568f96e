"""THE declarations of api/order/cancel: every codec, rule and page reads these and nothing else.

Spelled as on the wire (`refund_passanger_ids`), in the order the CLR classes declare them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from .declare import Pattern, Rule, data_contract, member

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

    terminal: Terminal | int = member(
        default=0, rule=Rule(needed=True), zh="终端", en="The front end that sends the request"
    )
    time_stamp: str | None = member(
        default=None, rule=Rule(needed=True, pattern=Pattern.UTC_TIME), zh="时间戳", en="When it was signed, UTC"
    )
    random: int = member(default=0, rule=Rule(needed=True), zh="随机数", en="A random number, a new one each time")
    sign: str | None = member(default=None, rule=Rule(needed=True), zh="签名", en="The signature")


@data_contract(namespace=_WEB_API_MODELS)
@dataclass(frozen=True, slots=True)
class TicketRefundRequest(BaseRequest):
    """Cancel passengers of an order and refund them."""

    order_number: str | None = member(
        default=None, rule=Rule(needed=True, max_length=64), zh="CTT订单号", en="The number of the order"
    )
    refund_passanger_ids: str | None = member(
        default=None,
        rule=Rule(needed=True, pattern=Pattern.GUIDS, max_items=64),
        zh="退票乘客id",
        en="The ids of the passengers to cancel, separated by commas",
    )
    refund_reason: str | None = member(default=None, rule=Rule(max_length=500), zh="退票原因", en="Why")


@data_contract(namespace=_WEB_API_MODELS, name="ApiResultOf{0}{#}", arguments=(str,))
@dataclass(frozen=True, slots=True)
class ApiResult:
    """The answer of every action; `ApiResult<string>` in .NET."""

    code: int = member(default=0, en="1 for success; each other code says why not")
    message: str | None = member(default=None, en="The same in words")
    data: str | None = member(default=None, en="The number of the refund, with code 1")
