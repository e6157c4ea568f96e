"""The actions that the service answers: a row each, with all that the rooms around it need to know of it.

A new action is a contract, a package beside `cancel/`, and a row here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from xml_contracts.reading import Reading
from xml_contracts.refund import ApiResult, BaseRequest, TicketRefundRequest

from .cancel.handler import make_cancel_order
from .context import RequestContext
from .events import Outcome, Result
from .parts import Parts

Handler = Callable[[Reading[Any], RequestContext], Outcome | Result]
"""Takes what a codec read; gives an instance of the action's result contract, alone or with what happened."""


@dataclass(frozen=True, slots=True)
class Action:
    """An action of the legacy site.

    `path` as the legacy documents it: it is matched in any case and with any slashes behind it, and it is the path
    that a signature covers. `request` and `result` are data contracts; `result` takes `code` and `message`.
    `formats` are names of formats (see http/formatters.py) in which the action is served.
    """

    path: str
    request: type[BaseRequest]
    result: type[Any]
    make_handler: Callable[[Parts], Handler]
    method: str = "POST"
    formats: tuple[str, ...] = ("json", "xml", "form")


CANCEL: Final = Action("/api/order/cancel", TicketRefundRequest, ApiResult, make_cancel_order)

ACTIONS: Final = (CANCEL,)
