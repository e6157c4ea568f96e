"""The routes: Flask in, Flask out. Every answer, the action's or an error's, leaves by `respond`."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, g, request
from flask.blueprints import BlueprintSetupState
from flask.sansio.app import App
from werkzeug.exceptions import NotFound
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.routing import BaseConverter, Rule

from xml_contracts.refund import ApiResult

from ..ports import Origin
from . import ignored
from .answers import Answer, answer_to, answer_with, method_not_allowed
from .body import read_body
from .media import Bound, Formatter, MethodNotAllowed, UnsupportedMediaType
from .negotiation import Negotiated, negotiator

Handler = Callable[[Bound[Any]], ApiResult]

# HttpControllerHandler.CopyResponseAsync: what IIS adds when the action sets no Cache-Control (facts.md 2.16).
NOT_CACHED = (("Cache-Control", "no-cache"), ("Pragma", "no-cache"), ("Expires", "-1"))

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class _CancelPath(BaseConverter):
    """`api/{controller}/{action}/{id?}` for the one action: any case, any slashes behind it (facts.md 3.12)."""

    regex = "(?ai:api/order/cancel)(?:/+|/[^/]+/*)?"
    part_isolating = False


def make_blueprint(
    handler: Handler, formatters: tuple[Formatter, ...], *, count_ignored: ignored.Count, explain: Callable[[], bool]
) -> Blueprint:
    """The action and the error table, to be registered on an application.

    `explain`: whether a response header names the members that were skipped while reading.
    """
    blueprint = Blueprint("api", __name__)
    negotiate = negotiator(formatters)

    def negotiated() -> Negotiated:
        header = request.environ.get
        return negotiate(
            header("CONTENT_TYPE"),
            header("HTTP_ACCEPT"),
            header("HTTP_ACCEPT_CHARSET"),
            header("HTTP_X_REQUESTED_WITH"),
        )

    def cancel_order(path: str = "") -> Response:  # nothing depends on how the path was spelled
        require_action(request.environ)
        chosen = negotiated()
        bound = read_bound(chosen, read_body(request.environ))
        if bound.ignored:
            ignored.note(bound.ignored, count_ignored)
        answer = answer_with(handler(bound))
        if bound.ignored and explain():
            answer = explained(answer, bound)
        return respond(chosen, answer)

    def refuse(error: Exception) -> Response:
        return respond(negotiated(), answer_to(error))

    def add_route(state: BlueprintSetupState) -> None:
        _add_any_method_rule(state.app, "api.cancel_order", cancel_order)

    blueprint.record(add_route)
    blueprint.app_errorhandler(Exception)(refuse)
    return blueprint


def _add_any_method_rule(app: App, endpoint: str, view: Callable[[str], Response]) -> None:
    """Past Flask's add_url_rule, which knows no rule for every method and answers OPTIONS by itself."""
    app.url_map.converters["cancel_path"] = _CancelPath
    for rule in ("/api/order/cancel", "/<cancel_path:path>"):  # the usual spelling is matched faster as it is
        app.url_map.add(Rule(rule, endpoint=endpoint, merge_slashes=False))
    app.view_functions[endpoint] = view


def require_action(environ: dict[str, Any]) -> None:
    """Raises NotFound, MethodNotAllowed. Methods compare ignoring case (facts.md 3.8)."""
    if environ["PATH_INFO"].startswith("///"):  # Werkzeug drops every leading slash, HttpRoute at most one
        raise NotFound
    method = environ["REQUEST_METHOD"]
    if method.upper() != "POST":
        raise MethodNotAllowed(method_not_allowed(method))


def read_bound(chosen: Negotiated, body: bytes) -> Bound[Any]:
    """The body as its reader binds it; no reader and no body is a null model, not a 415 (facts.md 1.5)."""
    if chosen.reader is not None:
        return chosen.reader.read(body, chosen.read_charset)
    if body:
        raise UnsupportedMediaType(chosen.unread)
    return Bound(None)


def explained(answer: Answer, bound: Bound[Any]) -> Answer:
    """The answer with a header that names what was skipped; the legacy never said."""
    return replace(answer, headers=(*answer.headers, (ignored.HEADER, ignored.in_words(bound.ignored))))


def respond(chosen: Negotiated, answer: Answer) -> Response:
    """Write the value in the negotiated format."""
    assert chosen.writer.write is not None
    body = chosen.writer.write(answer.value, chosen.write_charset)
    content_type = f"{chosen.media_type}; charset={chosen.write_charset}"
    status = f"{answer.status} {HTTP_STATUS_CODES.get(answer.status)}"  # a bare number would be sent in capitals
    return Response(body, status, [("Content-Type", content_type), *NOT_CACHED, *answer.headers])


def current_origin() -> Origin:
    """Where this request came from; its id is the client's when that is harmless, else a new one."""
    if "origin" not in g:
        request_id = request.headers.get("X-Request-ID", "")
        if not _REQUEST_ID.fullmatch(request_id):
            request_id = uuid.uuid4().hex
        g.origin = Origin(request.remote_addr or "", request_id)
    origin: Origin = g.origin
    return origin
