"""/Help and what stands under it: an index, a page an action, a page a type, and the section's own 404.

They are as the legacy had them, from the declarations, and tell besides what those did not: codes, signatures, limits,
refusals. A page asks no database.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import Any, Final

from flask import Request

from xml_contracts.contract import contract_of
from xml_contracts.declare import Pattern

from ..actions import Action
from ..described import Description, PossibleResult, Text
from ..http.answers import RETRY_AFTER
from ..http.body import MAX_BODY
from ..http.formatters import OUTSIDE_ANY_ACTION, formatters_for
from ..http.media import Formatter
from ..settings import Settings
from .models import Model, model_name, models_of
from .page import Content, Page
from .ready import ready_requests
from .refusals import refusals, try_again
from .render import base_url, html
from .samples import LINES, numbered_sample, values_of
from .worked import worked

INDEX: Final = "/Help"
MODELS: Final = "/Help/ResourceModel"


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample in one format, with the media types of that."""

    format: str
    media_types: str
    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer in the bytes of each format; `code` of an action's, or `status` and headers of the framework's."""

    number: int
    meaning: Text
    send_again: Text | None
    written: dict[str, str]
    headers: tuple[tuple[str, str], ...] = ()


def pages(actions: tuple[Action, ...], settings: Callable[[], Settings]) -> dict[str, Page]:
    """Path -> page."""
    described = [action for action in actions if action.description is not None]
    index = partial(_index, described, settings)
    clients = [name for action in described if action.description for name in action.description.clients]
    return {
        "/": index,
        INDEX: index,
        MODELS: partial(_model, models_of(actions), settings),
        **{path_of(action): partial(_action, action, settings) for action in described},
        f"{INDEX}/help.css": partial(_file, "static/help.css", "text/css; charset=utf-8"),
        **{f"{INDEX}/{name}": partial(_file, f"clients/{name}", "text/plain; charset=utf-8") for name in clients},
    }


def path_of(action: Action) -> str:
    """The page of an action, as the legacy names it: /Help/Api/POST-api-order-cancel."""
    return f"{INDEX}/Api/{name_of(action)}"


def name_of(action: Action) -> str:
    """POST-api-order-cancel."""
    return "-".join([action.method, *action.path[1:].split("/")])


def not_found(settings: Callable[[], Settings], request: Request) -> Content:
    """For a page or a model that there is not."""
    return html("not_found.html", request, demo=settings().help == "demo", status=404)


def _file(name: str, content_type: str, _: Request) -> Content:
    return Content(files("refund_api.help").joinpath(name).read_bytes(), content_type)


def _index(actions: list[Action], settings: Callable[[], Settings], request: Request) -> Content:
    rows = [(action, name_of(action)) for action in actions]
    return html("index.html", request, demo=settings().help == "demo", rows=rows)


def _model(models: dict[str, Model], settings: Callable[[], Settings], request: Request) -> Content:
    demo = settings().help == "demo"
    asked = request.args.get("modelName")
    if asked is None:
        return html("models.html", request, demo=demo, models=models)
    model = next((model for name, model in models.items() if name.lower() == asked.lower()), None)
    return not_found(settings, request) if model is None else html("model.html", request, demo=demo, model=model)


def _action(action: Action, settings: Callable[[], Settings], request: Request) -> Content:
    set_ = settings()
    assert action.description is not None
    formatters = formatters_for(action.request, action.result, action.formats)
    models = models_of((action,))
    cls: type = action.request
    url = base_url(request)
    return html(
        "action.html",
        request,
        demo=set_.help == "demo",
        action=action,
        name=name_of(action),
        description=action.description,
        request_model=models[model_name(action.request)],
        result_model=models[model_name(action.result)],
        requests=[_sample(formatter, action.request) for formatter in formatters],
        results=[_sample(formatter, action.result) for formatter in formatters if formatter.write],
        answers=_answers(action, action.description, set_, formatters),
        refused=_refused(action, url),
        worked=worked(action.description.sample, action.path),
        contract=contract_of(cls),
        values=values_of(action.description.sample),
        max_body=MAX_BODY,
        limits=_limits(action),
        tolerance=set_.tolerance_seconds,
        usual_tolerance=Settings().tolerance_seconds,
        legacy=set_.legacy_sign,
        url=url,
        ready=ready_requests(action, action.description, url),
        retry_after=RETRY_AFTER,
    )


def _sample(formatter: Formatter, cls: type) -> Sample:
    types = ", ".join(map(str, formatter.media_types))
    return Sample(formatter.name, types, LINES[formatter.name](numbered_sample(cls)))


def _answers(
    action: Action, description: Description, settings: Settings, formatters: tuple[Formatter, ...]
) -> list[Shown]:
    possible = [*description.results(settings), try_again(action)]
    return [_shown(result, formatters) for result in possible]


def _shown(possible: PossibleResult, formatters: tuple[Formatter, ...]) -> Shown:
    return Shown(
        int(possible.result.code), possible.meaning, possible.send_again, _written(possible.result, formatters)
    )


def _refused(action: Action, url: str) -> list[Shown]:
    return [
        Shown(status, one.meaning, None, _written(one.answer.value, OUTSIDE_ANY_ACTION), one.answer.headers)
        for status, reasons in sorted(refusals(action, url).items())
        for one in reasons
    ]


def _written(value: Any, formatters: tuple[Formatter, ...]) -> dict[str, str]:
    return {f.name: f.write(value, "utf-8").decode() for f in formatters if f.write is not None}


def _limits(action: Action) -> list[tuple[str, int]]:
    """(member, how many items) of the members that are lists."""
    cls: type = action.request
    members = contract_of(cls).declared
    return [(m.name, m.rule.max_items or 0) for m in members if m.rule.pattern is Pattern.GUIDS]
