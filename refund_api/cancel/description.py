"""Cancelling an order, as the pages for client developers tell it."""

from __future__ import annotations

from typing import Final, assert_never

from xml_contracts.reading import Problem
from xml_contracts.refund import ApiResult, Terminal, TicketRefundRequest

from .. import words
from ..described import Description, PossibleResult, Text
from ..domain import Refusal
from ..rules import ShapeFault
from ..settings import Settings
from .handler import Code

# The request of tests/vectors/signature/v2-plain.json, whose key is public.
_SAMPLE: Final = TicketRefundRequest(
    terminal=Terminal.WEBPAGEEnum,
    time_stamp="20260101000000",
    random=12345,
    sign="v2.web-2026a.bddbc8ac4bbdfa6fe8e5cdd2109d2a81e5c337ace15b3e6702cb2e7a410d831c",
    order_number="E2026010100001",
    refund_passanger_ids="3f2504e0-4f89-11d3-9a0c-0305e82c3301,3f2504e0-4f89-11d3-9a0c-0305e82c3302",
    refund_reason="Plans changed",
)
_REFUND_ID: Final = "f1136819-588d-4de8-8080-0b4a959d4b91"


def _results(settings: Settings) -> tuple[PossibleResult, ...]:
    missing = words.invalid_request([Problem("order_number", ShapeFault.MISSING)])
    return (
        PossibleResult(
            "ok",
            ApiResult(Code.OK, words.CANCELLED, _REFUND_ID),
            Text(
                "Cancelled, now or before for these very passengers; data is the number of the refund",
                "已取消：现在取消，或同一批乘客以前已取消；data 是退款编号",
            ),
            Text("harmless: the same number again", "无害：返回同一编号"),
        ),
        PossibleResult(
            "invalid_request",
            ApiResult(Code.INVALID_REQUEST, missing),
            Text(
                "Invalid request; the message names members and reasons", "请求无效；message 说明哪些成员有问题及原因"
            ),
            Text("no, correct it", "不要，请先改正"),
        ),
        PossibleResult(
            "signature_rejected",
            ApiResult(Code.SIGNATURE_REJECTED, words.SIGNATURE_REJECTED),
            Text(
                "Signature rejected: wrong, too old, or used for something else",
                "签名被拒绝：不正确、已过期或已用于其他请求",
            ),
            Text("sign anew", "重新签名后再发送"),
        ),
        *(_refused(refusal, settings.notice_days) for refusal in _IN_ORDER),
    )


_IN_ORDER: Final = (
    Refusal.ORDER_NOT_FOUND,
    Refusal.PASSENGER_NOT_IN_ORDER,
    Refusal.ALREADY_CANCELLED,
    Refusal.ORDER_NOT_CANCELLABLE,
    Refusal.DEPARTS_TOO_SOON,
)


def _refused(refusal: Refusal, notice_days: int) -> PossibleResult:
    result = ApiResult(refusal.value, words.refused(refusal, notice_days=notice_days))
    others = refusal is Refusal.ALREADY_CANCELLED
    again = Text("no; cancel the others", "不要；可取消其余乘客") if others else Text("no", "不要")
    return PossibleResult(refusal.name.lower(), result, _meaning(refusal, notice_days), again)


def _meaning(refusal: Refusal, notice_days: int) -> Text:
    match refusal:
        case Refusal.ORDER_NOT_FOUND:
            return Text("There is no such order", "没有此订单")
        case Refusal.PASSENGER_NOT_IN_ORDER:
            return Text("A passenger is not in this order", "有乘客不属于此订单")
        case Refusal.ALREADY_CANCELLED:
            return Text(
                "A passenger was cancelled before, in another set or through another channel",
                "有乘客此前已在另一次请求中或通过其他渠道取消",
            )
        case Refusal.ORDER_NOT_CANCELLABLE:
            return Text("The order is in a state in which nothing can be cancelled here", "订单处于不能在此取消的状态")
        case Refusal.DEPARTS_TOO_SOON:
            return Text(f"The train departs within {notice_days} days", f"列车在 {notice_days} 天内发车")
        case _:
            assert_never(refusal)


DESCRIPTION: Final = Description(
    zh="取消30天以外的订单",
    en="Cancel passengers of an order that departs more than 30 days ahead, and refund them.",
    sample=_SAMPLE,
    results=_results,
    clients=("client.cs", "client.py", "client.js"),
)
