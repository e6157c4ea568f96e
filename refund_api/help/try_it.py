"""Try it: a page that signs a request in the browser, with the demo key, and sends it to the action like any client."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from flask import Request

from xml_contracts.contract import contract_of

from ..actions import Action
from ..ports import LedgerUnavailable
from ..settings import Settings
from .demo_keys import demo_ring
from .page import Content, Page
from .render import SCRIPTED, base_url, html
from .samples import values_of

FindOrder = Callable[[], tuple[str, Sequence[str]] | None]
"""A demo order that can be cancelled: its number, and its passengers. LedgerUnavailable."""

_SCHEME = "v2"


def try_page(action: Action, name: str, settings: Callable[[], Settings], request: Request) -> Content:
    """The page. It has the demo key, which is public to whoever can open it."""
    keys = demo_ring(settings()).keys
    key = next((key for key in keys if key.scheme == _SCHEME), None)
    signing = None if key is None else {"kid": key.kid, "secret": key.secret.decode()}
    assert action.description is not None
    facts = {
        "method": action.method,
        "path": action.path,
        "key": signing,
        **_contract(action),
        "sample": values_of(action.description.sample),
    }
    return html(
        "try_it.html",
        request,
        demo=True,
        policy=SCRIPTED,
        action=action,
        name=name,
        facts=json.dumps(facts),
        key=key,
        keys=[(key.scheme, key.kid, key.secret.decode()) for key in keys],
        url=base_url(request),
    )


def order_page(find_order: FindOrder) -> Page:
    """An order to try, as members of a request. `{}`: there is none, or the database is away."""

    def page(_: Request) -> Content:
        try:
            found = find_order()
        except LedgerUnavailable:
            found = None
        members = {} if found is None else {"order_number": found[0], "refund_passanger_ids": ",".join(found[1])}
        return Content(json.dumps(members).encode(), "application/json")

    return page


def _contract(action: Action) -> dict[str, Any]:
    """What a script needs to write a request: the members in the order of XML, with their namespaces."""
    request: type = action.request
    contract = contract_of(request)
    members = [
        {
            "name": member.name,
            "namespace": member.declaring.namespace,
            "number": member.type is not str,
            "names": {int(value): value.name for value in getattr(member.type, "__members__", {}).values()},
        }
        for member in contract.members
    ]
    return {"root": contract.name, "namespace": contract.namespace, "members": members}
