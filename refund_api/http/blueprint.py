"""The routes. They hand each request to the edge, which makes the whole answer."""

from __future__ import annotations

import re
from functools import partial
from itertools import permutations
from typing import Any

from flask import Blueprint, Response, request
from flask.blueprints import BlueprintSetupState
from werkzeug.routing import BaseConverter, Map, Rule

from xml_contracts.errors import DeclarationError

from .edge import Edge, Endpoint
from .headers import without_long_headers


class ActionPath(BaseConverter):
    """`api/{controller}/{action}/{id?}` for one action: any case, any slashes behind it (wire-facts 3.12)."""

    part_isolating = False

    def __init__(self, url_map: Map, path: str) -> None:
        super().__init__(url_map)
        self.regex = _pattern(path)


def _pattern(path: str) -> str:
    return rf"(?ai:{re.escape(path)})(?:/+|/[^/]+/*)?"


def make_blueprint(edge: Edge) -> Blueprint:
    """The actions and the error table, to be registered on an application.

    DeclarationError: one request would be for two actions.
    """
    for endpoint, other in permutations(edge.endpoints, 2):
        if re.fullmatch(_pattern(endpoint.action.path), other.action.path):
            raise DeclarationError(f"{other.action.path} would be a path of the action {endpoint.action.path} too")
    blueprint = Blueprint("api", __name__)
    blueprint.record(_bound_headers)
    for endpoint in edge.endpoints:
        blueprint.record(partial(_add_rules, edge, endpoint))

    def refuse(error: Exception) -> Response:
        return edge.refuse(error, request.environ)

    blueprint.app_errorhandler(Exception)(refuse)
    return blueprint


def _bound_headers(state: BlueprintSetupState) -> None:
    """Around the whole application: Werkzeug reads a header before it looks for a route."""
    app: Any = state.app
    app.wsgi_app = without_long_headers(app.wsgi_app)


def _add_rules(edge: Edge, endpoint: Endpoint, state: BlueprintSetupState) -> None:
    """Straight into the URL map: Flask's add_url_rule cannot take every method, and answers OPTIONS by itself."""

    def view(path: str = "") -> Response:  # path: as the converter found it spelled; not used
        return edge.serve(endpoint, request.environ)

    path = endpoint.action.path
    url_map, name = state.app.url_map, path  # no dot in it: else Flask looks six times for what its blueprint adds
    url_map.converters["action_path"] = ActionPath
    for rule in (path, f"/<action_path('{path[1:]}'):path>"):  # the first is matched faster
        url_map.add(Rule(rule, endpoint=name, merge_slashes=False))
    state.app.view_functions[name] = view
