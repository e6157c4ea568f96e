"""Requests as clients send them: the same members written as JSON, DataContract XML and a form."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from xml_contracts.contract import contract_of
from xml_contracts.refund import TicketRefundRequest

Members = Mapping[str, Any]
"""Wire name -> value; a name that is not there is not sent, None is sent as null."""


def members_of(request: TicketRefundRequest, **changed: Any) -> dict[str, Any]:
    """The members of a request, terminal as a number; `changed` replaces some."""
    values = {member.name: getattr(request, member.attribute) for member in contract_of(TicketRefundRequest).declared}
    return {**values, "terminal": int(request.terminal), **changed}


def write_json(members: Members) -> bytes:
    return json.dumps(members, ensure_ascii=False).encode("utf-8", "surrogatepass")


def write_xml(members: Members) -> bytes:
    contract = contract_of(TicketRefundRequest)
    content = ""
    for member in contract.members:
        if member.name in members:
            value = members[member.name]
            namespace = (
                "" if member.declaring.namespace == contract.namespace else f' xmlns="{member.declaring.namespace}"'
            )
            nil = ' i:nil="true"' if value is None else ""
            content += f"<{member.name}{namespace}{nil}>{_text(member.name, value)}</{member.name}>"
    xsi = "http://www.w3.org/2001/XMLSchema-instance"
    root = f'<{contract.name} xmlns:i="{xsi}" xmlns="{contract.namespace}">{content}</{contract.name}>'
    return root.encode("utf-8", "surrogatepass")


def _text(name: str, value: Any) -> str:
    if name == "terminal" and value == 1:
        return "WEBPAGEEnum"
    return "" if value is None else escape(str(value), {"\r": "&#xD;"})


def write_form(members: Members) -> bytes:
    return urlencode(
        {name: "" if value is None else value for name, value in members.items()}, errors="surrogatepass"
    ).encode()


@dataclass(frozen=True)
class Format:
    """One way to send a request."""

    name: str
    content_type: str
    write: Callable[[Members], bytes]


FORMATS = (
    Format("json", "application/json", write_json),
    Format("xml", "application/xml", write_xml),
    Format("form", "application/x-www-form-urlencoded; charset=UTF-8", write_form),
)
