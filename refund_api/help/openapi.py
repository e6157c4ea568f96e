"""/openapi.json: the actions as OpenAPI 3.1, generated from their rows, contracts and codecs.

Every example is made by the codec that the service reads and writes with. A schema stands there twice, because a JSON
or form request has the number of an enum and an XML request its name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from apispec import APISpec
from flask import Request

from schemas.openapi import OPENAPI, OPENAPI_XML, openapi_schema
from xml_contracts.contract import contract_of

from ..actions import Action
from ..described import Description, PossibleResult
from ..http.formatters import OUTSIDE_ANY_ACTION, formatters_for
from ..http.media import Formatter
from ..once import Once
from ..settings import Settings
from .action_pages import path_of
from .page import Content, Page
from .refusals import ANYWHERE, Refused, refusals, try_again
from .samples import values_of, xml_of

PATH: Final = "/openapi.json"
VERSION: Final = "1"
"""The version of the interface, not of the program."""

_HTTP_ERROR: Final = {
    "type": "object",
    "properties": {"Message": {"type": "string"}},
    "required": ["Message"],
    "xml": {"name": "Error"},
}
_MORE: Final = "How to sign, how a request is read, when to ask again, and clients to copy"
_ANSWER_FORMAT: Final = (
    "The answer is in the format that Accept asks for, else in that of the request; to a form it is JSON. "
    "In XML the members must stand in the order of the schema, each in its namespace: one that comes too late is read "
    "as missing. Unknown members are ignored."
)


def pages(actions: tuple[Action, ...], settings: Callable[[], Settings]) -> dict[str, Page]:
    """Path -> page."""
    content = Once(partial(_content, actions, settings))

    def page(_: Request) -> Content:
        return content()

    return {PATH: page}


def _content(actions: tuple[Action, ...], settings: Callable[[], Settings]) -> Content:
    return Content(json.dumps(document(actions, settings()), ensure_ascii=False).encode(), "application/json")


def document(actions: tuple[Action, ...], settings: Settings) -> dict[str, Any]:
    """The document about the actions that have a description, as plain values."""
    spec = APISpec(title="Orders", version=VERSION, openapi_version="3.1.0")
    spec.components.schema("HttpError", _HTTP_ERROR)
    for action in actions:
        if action.description is not None:
            _add(spec, action, action.description, settings)
    return spec.to_dict()


def _add(spec: APISpec, action: Action, description: Description, settings: Settings) -> None:
    formatters = formatters_for(action.request, action.result, action.formats)
    classes: tuple[type, ...] = (action.request, action.result)
    for cls in classes:
        for component, visitor in ((_component(cls, "json"), OPENAPI), (_component(cls, "xml"), OPENAPI_XML)):
            if component not in spec.components.schemas:
                schema = openapi_schema(contract_of(cls), visitor, is_request=cls is action.request)
                spec.components.schema(component, schema)
    *_, controller, name = action.path.split("/")
    operation = {
        "operationId": f"{controller}_{name}",
        "tags": [controller],
        "summary": f"{description.zh} {description.en}",
        "description": _ANSWER_FORMAT,
        "externalDocs": {"description": _MORE, "url": path_of(action)},
        "requestBody": {"required": True, "content": dict(_requests(action, description, formatters))},
        "responses": dict(_responses(action, description, settings, formatters)),
    }
    spec.path(path=action.path, operations={action.method.lower(): operation})


def _component(cls: type, format_name: str) -> str:
    name = contract_of(cls).name
    return f"{name}Xml" if format_name == "xml" else name


def _reference(component: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{component}"}


def _requests(
    action: Action, description: Description, formatters: tuple[Formatter, ...]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for formatter in formatters:
        schema = _reference(_component(action.request, formatter.name))
        yield str(formatter.media_types[0]), {"schema": schema, "example": _sent(formatter.name, description.sample)}


def _sent(format_name: str, request: Any) -> Any:
    """A request as OpenAPI has it: XML as text, the members of JSON and of a form as values."""
    return xml_of(request) if format_name == "xml" else values_of(request)


def _responses(
    action: Action, description: Description, settings: Settings, formatters: tuple[Formatter, ...]
) -> Iterator[tuple[str, dict[str, Any]]]:
    results = description.results(settings)
    yield "200", _of_results(action, results, formatters, "The action ran; `code` tells the outcome")
    for status, refused in sorted(refusals(action, ANYWHERE).items()):
        yield str(status), _of_refusals(refused)
    not_now = _of_results(action, (try_again(action),), formatters, "Not now")
    yield "503", {**not_now, "headers": {"Retry-After": {"schema": {"type": "integer"}}}}


def _of_results(
    action: Action, results: tuple[PossibleResult, ...], formatters: tuple[Formatter, ...], text: str
) -> dict[str, Any]:
    rows = [f"| {r.result.code:d} | {r.meaning.en} | {r.send_again.en} |" for r in results]
    table = "\n".join([f"{text}.\n", "| code | means | send it again? |", "|---|---|---|", *rows])
    content = {
        str(formatter.media_types[0]): {
            "schema": _reference(_component(action.result, formatter.name)),
            "examples": {r.name: {"summary": r.meaning.en, "value": _written(formatter, r.result)} for r in results},
        }
        for formatter in formatters
        if formatter.write is not None
    }
    return {"description": table, "content": content}


def _of_refusals(refused: list[Refused]) -> dict[str, Any]:
    content = {
        str(formatter.media_types[0]): {
            "schema": _reference("HttpError"),
            "examples": {r.name: {"value": _written(formatter, r.answer.value)} for r in refused},
        }
        for formatter in OUTSIDE_ANY_ACTION
    }
    headers = {
        name: {"schema": {"type": "string"}, "example": value} for r in refused for name, value in r.answer.headers
    }
    response = {"description": "; ".join(r.meaning.en for r in refused), "content": content}
    return {**response, "headers": headers} if headers else response


def _written(formatter: Formatter, value: Any) -> Any:
    """What the service sends: JSON as a value, XML as text."""
    assert formatter.write is not None
    text = formatter.write(value, "utf-8").decode()
    return json.loads(text) if formatter.name == "json" else text
