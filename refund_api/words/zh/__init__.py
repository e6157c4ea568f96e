"""The Chinese of the help pages about problems with a request. No answer of an action has any of it.

It has a function for each question that `refund_api.words` answers about one problem, with a `match` that names every
value, so that a reason without a sentence fails the type check.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, assert_never

from schemas.reasons import ConversionFault, FormFault, JsonFault
from xml_contracts.reading import Problem, Reason, Skipped
from xml_contracts.reasons import MemberFault, TextFault, XmlFault

from ...rules import ShapeFault
from ...signing.verifier import Cause
from ..codecs import Arguments
from .codecs import (
    conversion_sentence,
    form_sentence,
    json_sentence,
    xml_member_sentence,
    xml_sentence,
    xml_text_sentence,
)


def problem_in_words(problem: Problem) -> str:
    """What is wrong, with the member where there is one."""
    start, sentence_of = _SENTENCES[type(problem.reason)]
    member = "" if problem.member is None else f"{problem.member}："
    return f"{start}{member}{sentence_of(problem.reason, problem.arguments)}"


def why_skipped(problem: Problem) -> str:
    """Why a member was skipped that the request does have, without its name."""
    assert isinstance(problem.reason, Skipped), problem
    return _skipped(problem.reason, problem.arguments)


def why_rejected(cause: Cause) -> str:
    """Why a signature proves nothing."""
    match cause:
        case Cause.MALFORMED:
            return "sign 不符合任何已启用方案的格式，或 time_stamp 不是时间"
        case Cause.UNKNOWN_KEY:
            return "没有 sign 所指编号的密钥"
        case Cause.NO_KEY_MATCHES:
            return "没有任何密钥能为此请求得出此 sign"
        case Cause.KEY_NOT_ACTIVE:
            return "其密钥目前未生效，或不适用于此终端"
        case Cause.OUTSIDE_THE_TOLERANCE:
            return "time_stamp 与服务时钟相差过大"
        case Cause.NONCE_TAKEN:
            return "此签名已用于其他请求"
        case _:
            assert_never(cause)


def _skipped(reason: Skipped, arguments: Arguments) -> str:
    match reason:
        case Skipped.UNKNOWN:
            return "未知成员"
        case Skipped.WRONG_NAMESPACE:
            return f"命名空间不正确：应为 {arguments[0]}"
        case Skipped.OUT_OF_ORDER:
            return f"顺序不正确：必须位于 {arguments[0]} 之前"
        case Skipped.REPEATED_FIRST_COUNTS:
            return "重复：以第一个为准"
        case Skipped.REPEATED_LAST_COUNTS:
            return "重复：以最后一个为准"
        case Skipped.REPEATED_LAST_READABLE_COUNTS:
            return "重复：以最后一个可读取的为准"
        case Skipped.MORE_UNKNOWN:
            return f"另有 {arguments[0]} 个未知成员"
        case _:
            assert_never(reason)


def _shape(fault: ShapeFault, arguments: Arguments) -> str:
    match fault:
        case ShapeFault.NO_REQUEST:
            return "正文中没有请求"
        case ShapeFault.MISSING:
            return "缺失"
        case ShapeFault.NOT_TEXT:
            return "含有非文本字符"
        case ShapeFault.TOO_LONG:
            return f"超过 {arguments[0]} 个字符"
        case ShapeFault.NOT_GUIDS:
            return f"必须是 1 至 {arguments[0]} 个以逗号分隔的 GUID"
        case ShapeFault.NOT_A_TIME:
            return "必须是 yyyyMMddHHmmss 格式的 UTC 时间"
        case ShapeFault.UNDEFINED:
            return f"不是已定义的 {arguments[0]}"
        case _:
            assert_never(fault)


_SENTENCES: Final[Mapping[type[Reason], tuple[str, Callable[[Any, Arguments], str]]]] = {
    TextFault: ("无法读取 XML：", xml_text_sentence),
    XmlFault: ("无法读取 XML：", xml_sentence),
    MemberFault: ("无法读取 XML：", xml_member_sentence),
    JsonFault: ("无法读取 JSON：", json_sentence),
    FormFault: ("无法读取表单：", form_sentence),
    ConversionFault: ("", conversion_sentence),
    ShapeFault: ("", _shape),
    Skipped: ("", _skipped),
}
"""Enum of reasons -> how the sentence starts, and what tells each reason."""
