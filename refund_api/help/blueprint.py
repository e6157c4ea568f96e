"""The pages as they are served: on exactly their paths, and only where an operator has switched them on.

They take GET and HEAD; the page that explains a request takes it by POST. Switched off, which is the default, every
path is what it was in the legacy: a 404 of the framework for every method.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from flask import Blueprint, Response, request
from werkzeug.exceptions import MethodNotAllowed, NotFound

from ..actions import Action
from ..http.pages import PAGE_METHODS, add_page
from ..ports import Clock, utc_now
from ..settings import Settings
from . import action_pages, demo_pages, docs, openapi, xsd
from .page import Content, Page
from .try_it import FindOrder

_OTHER: Final = f"{action_pages.INDEX}/<path:other>"


def make_help(
    actions: tuple[Action, ...],
    settings: Callable[[], Settings],
    find_order: FindOrder = lambda: None,
    clock: Clock = utc_now,
) -> Blueprint:
    """The pages about these actions, to be registered on an application. `find_order` gives a demo order to try."""
    blueprint = Blueprint("help", __name__)
    posted = demo_pages.posted(actions, settings, clock)
    for path, page in pages_about(actions, settings).items():
        blueprint.record(partial(add_page, path, _view(path, page, None, settings, ("on", "demo"))))
    for path, page in demo_pages.pages(actions, settings, find_order).items():
        blueprint.record(partial(add_page, path, _view(path, page, posted.get(path), settings, ("demo",))))
    blueprint.record(partial(add_page, _OTHER, partial(_other, settings)))
    return blueprint


def pages_about(actions: tuple[Action, ...], settings: Callable[[], Settings]) -> dict[str, Page]:
    """Path -> page, for every page that there is without a demo."""
    return {
        **action_pages.pages(actions, settings),
        **xsd.pages(actions),
        **openapi.pages(actions, settings),
        **docs.pages(),
    }


def _view(
    path: str, page: Page, posted: Page | None, settings: Callable[[], Settings], modes: tuple[str, ...]
) -> Callable[[], Response]:
    methods = dict.fromkeys(PAGE_METHODS, page) | ({} if posted is None else {"POST": posted})

    def view() -> Response:
        mode = settings().help
        if mode not in modes or request.environ["PATH_INFO"] != path:  # Werkzeug is lax about slashes
            return _other(settings)
        if request.method not in methods:
            raise MethodNotAllowed([*methods])
        return _response(methods[request.method](request))

    return view


def _other(settings: Callable[[], Settings], other: str = "") -> Response:
    """The section's own 404; outside of it, and switched off, it is the framework's."""
    in_section = request.environ["PATH_INFO"].startswith(f"{action_pages.INDEX}/")
    if settings().help == "off" or not in_section or request.method not in PAGE_METHODS:
        raise NotFound
    return _response(action_pages.not_found(settings, request))


def _response(content: Content) -> Response:
    """A browser may keep it, and asks each time whether it is still the same."""
    response = Response(content.body, content.status, content_type=content.content_type)
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Content-Security-Policy"] = content.policy
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Content-Type-Options"] = "nosniff"
    if content.language:
        response.headers["Content-Language"] = content.language
        response.headers["Vary"] = "Accept-Language"
    if content.status == 200:
        response.add_etag()
        response.make_conditional(request.environ)
    return response
