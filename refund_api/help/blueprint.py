"""The pages as they are served: GET and HEAD, on exactly their paths, and only where an operator has switched them on.

Switched off, which is the default, every path is what it was in the legacy: a 404 of the framework for every method.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from flask import Blueprint, Response, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Rule

from ..actions import Action
from ..settings import Settings
from . import docs, openapi, xsd
from .page import Content, Page

_METHODS: Final = ("GET", "HEAD")


def make_help(actions: tuple[Action, ...], settings: Callable[[], Settings]) -> Blueprint:
    """The pages about these actions, to be registered on an application."""
    blueprint = Blueprint("help", __name__)
    for path, page in pages_about(actions, settings).items():
        blueprint.record(partial(_add_rule, path, page, settings))
    return blueprint


def pages_about(actions: tuple[Action, ...], settings: Callable[[], Settings]) -> dict[str, Page]:
    """Path -> page, for every page that there is."""
    return {**xsd.pages(actions), **openapi.pages(actions, settings), **docs.pages()}


def _add_rule(path: str, page: Page, settings: Callable[[], Settings], state: BlueprintSetupState) -> None:
    """Straight into the URL map: Flask's add_url_rule redirects, and answers OPTIONS by itself."""

    def view() -> Response:
        if settings().help == "off" or request.environ["PATH_INFO"] != path:  # Werkzeug is lax about slashes
            raise NotFound
        if request.method not in _METHODS:
            raise MethodNotAllowed(_METHODS)
        return _response(page(request))

    endpoint = f"help.{path}"
    state.app.url_map.add(Rule(path, endpoint=endpoint, merge_slashes=False, strict_slashes=False))
    state.app.view_functions[endpoint] = view


def _response(content: Content) -> Response:
    """A browser may keep it, and asks each time whether it is still the same."""
    response = Response(content.body, content_type=content.content_type)
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Content-Security-Policy"] = content.policy
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.add_etag()
    response.make_conditional(request.environ)
    return response
