"""The actions that the service answers. Each is one row, which has all that the other packages need to know of it.

A new action is a contract, a package beside `cancel/`, and a row here; docs/changing.md has the order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from xml_contracts.reading import Reading
from xml_contracts.refund import ApiResult, BaseRequest, TicketRefundRequest

from .cancel.description import DESCRIPTION as CANCEL_DESCRIPTION
from .cancel.handler import make_cancel_order
from .context import RequestContext
from .described import Description
from .events import Outcome, Result
from .parts import Parts

Handler = Callable[[Reading[Any], RequestContext], Outcome | Result]
"""Takes what a codec read. Gives an instance of the action's result contract, or an Outcome that contains one."""


@dataclass(frozen=True, slots=True)
class Action:
    """An action of the legacy site.

    `path` is the path as the legacy documents it. A request may spell it in any case and with slashes behind it; a
    signature covers it as it is here. `request` and `result` are data contracts; `result` takes `code` and `message`.
    `formats` are names of formats (see http/formatters.py) in which the action is served. Pages tell of an action that
    has a `description`.
    """

    path: str
    request: type[BaseRequest]
    result: type[Any]
    make_handler: Callable[[Parts], Handler]
    method: str = "POST"
    formats: tuple[str, ...] = ("json", "xml", "form")
    description: Description | None = None


CANCEL: Final = Action(
    "/api/order/cancel", TicketRefundRequest, ApiResult, make_cancel_order, description=CANCEL_DESCRIPTION
)

ACTIONS: Final = (CANCEL,)
