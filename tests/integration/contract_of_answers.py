"""Whether an answer is one that the service may give to any input at all: an error of the framework, or an ApiResult."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

from werkzeug.test import TestResponse

MESSAGES = {
    1: "Cancelled",
    1002: "Signature rejected",
    2001: "Order not found",
    2002: "Passenger not in this order",
    2003: "Departs within 30 days",
    2004: "Already cancelled",
    2005: "This order cannot be cancelled",
}
"""Code -> message; that of 1001 says what is wrong."""


def number_told(response: TestResponse) -> str | None:
    """The refund number of code 1, None for every other answer; AssertionError for one that must not be given."""
    members = members_of(response)
    if response.status_code in (400, 413, 415):
        assert list(members) == ["Message"] and members["Message"], members
        return None
    assert response.status_code == 200, (response.status_code, response.data[:200])
    assert sorted(members) == ["code", "data", "message"], members
    code, message, data = int(members["code"]), members["message"], members["data"]
    if code == 1001:
        assert message.startswith("Invalid request: "), members
    else:
        assert message == MESSAGES[code], members
    if code != 1:
        assert data is None, members
        return None
    assert data == str(UUID(data)), members
    return str(data)


def members_of(response: TestResponse) -> dict[str, Any]:
    """The members of an answer in JSON or XML."""
    assert response.headers["Cache-Control"] == "no-cache"
    if response.mimetype in ("application/json", "text/json"):
        members: dict[str, Any] = json.loads(response.data)
        return members
    assert response.mimetype in ("application/xml", "text/xml"), response.mimetype
    root = ElementTree.fromstring(response.data)
    assert root.tag.rpartition("}")[2] in ("Error", "ApiResultOfstring"), root.tag
    return {element.tag.rpartition("}")[2]: element.text for element in root}
