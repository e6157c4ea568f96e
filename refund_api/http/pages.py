"""How pages beside the actions get their paths: those for operators and those for client developers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from flask import Response
from flask.blueprints import BlueprintSetupState
from werkzeug.routing import Rule

PAGE_METHODS: Final = ("GET", "HEAD")


def add_page(path: str, view: Callable[..., Response], state: BlueprintSetupState) -> None:
    """Straight into the URL map: Flask's add_url_rule redirects, and answers OPTIONS by itself.

    Werkzeug is lax about slashes, so the view must look whether PATH_INFO is its path, and at the method.
    """
    endpoint = f"{state.blueprint.name}.{path}"
    state.app.url_map.add(Rule(path, endpoint=endpoint, merge_slashes=False, strict_slashes=False))
    state.app.view_functions[endpoint] = view
