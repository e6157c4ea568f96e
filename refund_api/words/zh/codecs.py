"""What the help pages say in Chinese about a body that a codec cannot read: a sentence for each reason."""

from __future__ import annotations

from typing import assert_never

from schemas.reasons import ConversionFault, FormFault, JsonFault
from xml_contracts.reasons import MemberFault, TextFault, XmlFault

from ..codecs import Arguments


def conversion_sentence(fault: ConversionFault, arguments: Arguments) -> str:
    """What is said of a text that does not become the type of its member."""
    match fault:
        case ConversionFault.NOT_INT32:
            return "不是 32 位整数"
        case ConversionFault.NOT_OF_ENUM:
            return f"不是 {arguments[0]} 的值"
        case ConversionFault.NULL:
            return "不得为 null"
        case ConversionFault.BLANK:
            return "必须有值"
        case ConversionFault.TOO_LARGE_FOR_DOUBLE:
            return "数值超出双精度浮点数的范围"
        case ConversionFault.STOP_IN_UNKNOWN:
            return "数值超出范围，或嵌套过深"
        case _:
            assert_never(fault)


def json_sentence(fault: JsonFault, arguments: Arguments) -> str:
    """What is said of a body that is no such JSON."""
    match fault:
        case JsonFault.OTHER_ENCODING:
            return f"第 {arguments[0]} 字节不符合编码 {arguments[1]}"
        case JsonFault.NOT_JSON:
            return "不是 JSON"
        case JsonFault.NOT_JSON_AT:
            return f"从第 {arguments[0]} 个字符起不是 JSON"
        case JsonFault.UNBALANCED:
            return "不是 JSON：括号不匹配"
        case JsonFault.NOT_AN_OBJECT:
            return "应为对象"
        case JsonFault.NOT_TEXT:
            return "必须是文本"
        case JsonFault.NOT_A_NUMBER:
            return "必须是数字"
        case JsonFault.VALUE_IS_NOT_LAST:
            return "$value 必须是最后一个成员"
        case JsonFault.VALUES_OF_A_LIST:
            return "$values：应为对象，而不是列表"
        case JsonFault.REFERENCE_IS_NO_TEXT:
            return "$ref 必须是文本或 null"
        case JsonFault.REFERENCE_IS_NOT_ALONE:
            return "$ref 必须是唯一的成员"
        case JsonFault.STOP:
            return "数值超出范围，或嵌套过深"
        case _:
            assert_never(fault)


def form_sentence(fault: FormFault, arguments: Arguments) -> str:
    """What is said of a body that is no such form."""
    match fault:
        case FormFault.OPEN_BRACKET:
            return "有名称含 [ 而缺少 ]"
        case _:
            assert_never(fault)


def xml_text_sentence(fault: TextFault, arguments: Arguments) -> str:
    """What is said of bytes that are no text of XML."""
    match fault:
        case TextFault.OTHER_ENCODING:
            return f"应为编码 {arguments[0]}，而文档为 {arguments[1]}"
        case TextFault.INVALID_BYTES:
            return f"第 {arguments[1]} 字节不是有效的 {arguments[0]}"
        case TextFault.SECOND_BYTE_ORDER_MARK:
            return "出现第二个字节顺序标记"
        case TextFault.BAD_DECLARATION:
            return "XML 声明格式错误，或含有处理指令"
        case TextFault.OTHER_ENCODING_DECLARED:
            return f"声明的编码为 {arguments[0]!r}，而文档为 {arguments[1]}"
        case TextFault.INSTRUCTION_OR_DOCTYPE:
            return "含有处理指令或 DOCTYPE"
        case _:
            assert_never(fault)


def xml_sentence(fault: XmlFault, arguments: Arguments) -> str:
    """What is said of a document that is no such request."""
    match fault:
        case XmlFault.NOT_WELL_FORMED:
            return f"XML 格式不正确：第 {arguments[0]} 行，第 {arguments[1]} 列"
        case XmlFault.TOO_DEEP:
            return f"超过 256 层：第 {arguments[0]} 行，第 {arguments[1]} 列"
        case XmlFault.OTHER_ROOT:
            sent, expected = (f"命名空间 {ns!r} 中的 {name!r}" for name, ns in (arguments[:2], arguments[2:]))
            return f"根元素是{sent}，应为{expected}"
        case XmlFault.ROOT_IS_REFERENCE:
            return f"{arguments[0]}：其前没有 z:Id {arguments[1]!r}"
        case XmlFault.ROOT_OF_UNKNOWN_TYPE:
            return f"{arguments[0]}：未知的 i:type {arguments[1]!r}"
        case XmlFault.TEXT_OUTSIDE_MEMBERS:
            return f"成员之外有文本 {arguments[0]!r}"
        case XmlFault.NIL_IS_NO_BOOLEAN:
            return f"i:nil：{arguments[0]!r} 不是布尔值"
        case XmlFault.BAD_SIZE:
            return f"z:Size：{arguments[0]!r} 不是大小"
        case XmlFault.EMPTY_ATTRIBUTE:
            return f"{arguments[0]} 为空"
        case _:
            assert_never(fault)


def xml_member_sentence(fault: MemberFault, arguments: Arguments) -> str:
    """What is said of a member of a document."""
    match fault:
        case MemberFault.ELEMENT_INSIDE:
            return "内有元素，应为文本"
        case MemberFault.VALUE_TYPE_CANNOT_REFER:
            return "值类型没有 i:nil、z:Id 或 z:Ref"
        case MemberFault.UNKNOWN_REFERENCE:
            return f"其前没有 z:Id {arguments[0]!r}，或类型不同"
        case MemberFault.REPEATED_ID:
            return f"z:Id {arguments[0]!r} 不唯一"
        case MemberFault.UNKNOWN_TYPE:
            return f"未知的 i:type {arguments[0]!r}"
        case MemberFault.NOT_INT32:
            return f"值 {arguments[0]!r} 不是 Int32"
        case MemberFault.INT32_OUT_OF_RANGE:
            return f"值 {arguments[0]!r} 超出 Int32 的范围"
        case MemberFault.NOT_AN_ENUM_NAME:
            return f"值 {arguments[0]!r} 不是 {arguments[1]} 的名称"
        case _:
            assert_never(fault)
