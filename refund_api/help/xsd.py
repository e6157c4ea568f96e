"""/xsd/: the XML Schema of all contracts. /xsd/ itself imports the schemas that stand under it, one a namespace."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from flask import Request

from xml_contracts.schema import Schema, entry, schema_set

from ..actions import Action
from .page import Content, Page

PATH: Final = "/xsd/"


def pages(actions: tuple[Action, ...]) -> dict[str, Page]:
    """Path -> page, for the contracts that these actions take and give in XML."""
    in_xml = [action for action in actions if "xml" in action.formats]
    schemas = schema_set(*(cls for action in in_xml for cls in (action.request, action.result)), location=file_name)
    return {PATH: _page(entry(schemas, file_name)), **{PATH + file_name(s.namespace): _of_schema(s) for s in schemas}}


def file_name(namespace: str) -> str:
    """How .NET's svcutil calls the schema of a namespace: `schemas.microsoft.com.2003.10.Serialization.xsd`."""
    parts = urlsplit(namespace)
    words = re.findall(r"[A-Za-z0-9._-]+", f"{parts.netloc}/{parts.path}")
    return ".".join([*words, "xsd"])


def _of_schema(schema: Schema) -> Page:
    return _page(schema.document())


def _page(document: bytes) -> Page:
    content = Content(document, "application/xml; charset=utf-8")

    def page(_: Request) -> Content:
        return content

    return page
