"""Spells a signed request in each wire format, as one line for a shell.

The members and their order come from the declaration, so a new member appears here by itself.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

from xml_contracts.contract import contract_of
from xml_contracts.refund import TicketRefundRequest
from xml_contracts.serializer import DataContractSerializer

from ..actions import CANCEL


def _members(request: TicketRefundRequest) -> dict[str, Any]:
    values = {m.name: getattr(request, m.attribute) for m in contract_of(TicketRefundRequest).declared}
    return {name: value for name, value in values.items() if value is not None}


def _json(request: TicketRefundRequest) -> str:
    return json.dumps(_members(request))


def _form(request: TicketRefundRequest) -> str:
    return urlencode(
        {name: f"{value:d}" if isinstance(value, int) else value for name, value in _members(request).items()}
    )


def _xml(request: TicketRefundRequest) -> str:
    text = DataContractSerializer(TicketRefundRequest).write(request).decode()
    return text.replace("\r\n", "&#xA;").encode("ascii", "xmlcharrefreplace").decode("ascii")


FORMATS: Final[dict[str, tuple[str, Callable[[TicketRefundRequest], str]]]] = {
    "json": ("application/json", _json),
    "xml": ("application/xml", _xml),
    "form": ("application/x-www-form-urlencoded", _form),
}
"""Name -> media type, writer of a request body without line breaks."""


def curl(format_name: str, request: TicketRefundRequest, url: str) -> str:
    """One line that a POSIX shell takes as it is. `url` is where the service is, without the path."""
    media_type, write = FORMATS[format_name]
    words = ["curl", "-sS", "-w", r"\n", "-H", f"Content-Type: {media_type}"]
    if format_name == "xml":  # curl sends `Accept: */*`, and the service answers that with JSON
        words += ["-H", f"Accept: {media_type}"]
    return shlex.join([*words, "--data-raw", write(request), url.rstrip("/") + CANCEL.path])
