"""The pages for operators and their machines: /healthz, /readyz, /metrics, /version.

They answer GET and HEAD on exactly these paths. Every other path, and these when they are switched off, stay what the
legacy had there: nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Blueprint, Response, json, request
from werkzeug.exceptions import MethodNotAllowed, NotFound

from ..http.pages import PAGE_METHODS, add_page
from ..ports import LedgerUnavailable
from ..storage import schema
from ..storage.health import Examined
from . import build, metrics


@dataclass(frozen=True, slots=True)
class Pages:
    """What the pages tell.

    `enabled` says whether they are switched on. `examine` looks at the database, within a second; LedgerUnavailable.
    `draining` says whether this process takes no new connections, because it was told to end.
    """

    enabled: Callable[[], bool]
    examine: Callable[[], Examined]
    draining: Callable[[], bool]
    figures: Callable[[], bytes]

    def healthz(self) -> Response:
        """That the process answers, whatever its database does."""
        return _json({"alive": True})

    def readyz(self) -> Response:
        """Whether requests should be sent here; else 503 and why not."""
        reasons = self._reasons()
        return _json({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)

    def metrics(self) -> Response:
        """The figures, for Prometheus."""
        return _response(self.figures(), metrics.CONTENT_TYPE)

    def version(self) -> Response:
        """What runs here, and on which schema; the database's is null when it does not answer."""
        revisions = {"needed": schema.head(), "database": self._revision()}
        return _json(
            {"version": build.VERSION, "revision": build.revision(), "schema": revisions, "python": build.PYTHON}
        )

    def _reasons(self) -> list[str]:
        if self.draining():
            return ["draining: this process was told to end"]
        try:
            return self.examine().problems
        except LedgerUnavailable as error:
            return [f"the database cannot be used: {error}"]

    def _revision(self) -> str | None:
        try:
            return self.examine().revision
        except LedgerUnavailable:
            return None


def make_pages(pages: Pages) -> Blueprint:
    """The pages, to be registered on an application."""
    blueprint = Blueprint("ops", __name__)
    for page in (pages.healthz, pages.readyz, pages.metrics, pages.version):
        path = f"/{page.__name__}"
        blueprint.record(partial(add_page, path, _view(pages, path, page)))
    return blueprint


def _view(pages: Pages, path: str, page: Callable[[], Response]) -> Callable[[], Response]:
    def view() -> Response:
        if not pages.enabled() or request.environ["PATH_INFO"] != path:
            raise NotFound
        if request.method not in PAGE_METHODS:
            raise MethodNotAllowed(PAGE_METHODS)
        return page()

    return view


def _json(content: dict[str, Any], status: int = 200) -> Response:
    return _response(json.dumps(content).encode() + b"\n", "application/json", status)


def _response(content: bytes, content_type: str, status: int = 200) -> Response:
    return Response(content, status, [("Content-Type", content_type), ("Cache-Control", "no-store")])
