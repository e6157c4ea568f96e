"""What `REFUND_API_HELP=demo` adds: to explain a request, and to try one. None of it can change the ledger."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.resources import files
from typing import Final

from flask import Request

from ..actions import Action
from ..ports import Clock
from ..settings import Settings
from .action_pages import INDEX, name_of
from .explain import explain_page, explainer
from .page import Content, Page
from .try_it import FindOrder, order_page, try_page

_SCRIPTS: Final = ("explain.js", "try_it.js", "signing.js")


def pages(actions: tuple[Action, ...], settings: Callable[[], Settings], find_order: FindOrder) -> dict[str, Page]:
    """Path -> page."""
    by_name = {name_of(action): action for action in actions if action.description is not None}
    return {
        **{f"{INDEX}/Explain/{name}": partial(explain_page, action, name) for name, action in by_name.items()},
        **{f"{INDEX}/TryIt/{name}": partial(try_page, action, name, settings) for name, action in by_name.items()},
        f"{INDEX}/TryIt/order": order_page(find_order),
        **{f"{INDEX}/{name}": partial(_script, name) for name in _SCRIPTS},
    }


def posted(actions: tuple[Action, ...], settings: Callable[[], Settings], clock: Clock) -> dict[str, Page]:
    """Path -> what answers a request that is posted to the page of that path, and only looked at."""
    described = [action for action in actions if action.description is not None]
    return {f"{INDEX}/Explain/{name_of(action)}": explainer(action, settings, clock) for action in described}


def _script(name: str, _: Request) -> Content:
    return Content(files("refund_api.help").joinpath("static", name).read_bytes(), "text/javascript; charset=utf-8")
