"""The whole service on a real database, asked as clients ask; only the clock stands still."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Flask
from sqlalchemy import Engine

from app import create_app, make_parts
from refund_api.actions import CANCEL
from refund_api.settings import Settings
from refund_api.storage import health
from refund_api.storage.budget import Budget
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.fakes import signed
from tests.wire import FORMATS, Format, members_of
from tests.world import ALICE, NOW, SECRET

from .storage.given import at_once

JSON = FORMATS[0]
KEYS = json.dumps({"keys": [{"kid": "legacy", "scheme": "legacy", "secret": SECRET.decode()}]})

_nonces = itertools.count(1)
_NAMESPACE = "http://schemas.datacontract.org/2004/07/ChinaTrainTickets.Web.Areas.webApi.Models"
TRY_AGAIN = {
    "application/json": '{"code":3001,"message":"Try again","data":null}',
    "application/xml": f'<ApiResultOfstring xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns="{_NAMESPACE}">'
    '<code>3001</code><data i:nil="true" /><message>Try again</message></ApiResultOfstring>',
}
"""Media type -> the whole body of a 3001."""


@dataclass(frozen=True)
class Answer:
    """What a client got; `code` and `number` only of JSON."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def result(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def number(self) -> str:
        """The number of the refund; AssertionError when it was refused."""
        assert (self.status, self.result["code"]) == (200, 1), self
        number: str = self.result["data"]
        return number


@dataclass(frozen=True)
class Service:
    """An application with its engine; every request is signed with a nonce of its own, or with `random`."""

    app: Flask
    engine: Engine

    def cancel(
        self,
        order: str,
        passengers: str,
        form: Format = JSON,
        *,
        random: int | None = None,
        reason: str | None = "plans changed",
    ) -> Answer:
        request = signed(order, passengers, random=next(_nonces) if random is None else random, reason=reason)
        response = self.app.test_client().post(
            "/api/order/cancel", data=form.write(members_of(request)), content_type=form.content_type
        )
        return Answer(response.status_code, dict(response.headers), response.data)


@contextmanager
def service(url: str, *, budget: Budget | None = None, threads: int = 4) -> Iterator[Service]:
    """A service with an engine of its own."""
    engine = make_engine(url, threads=threads)
    try:
        yield service_on(engine, budget=budget)
    finally:
        engine.dispose()


def service_on(engine: Engine, *, budget: Budget | None = None, enforce_nonce: bool = True) -> Service:
    """As app.py composes it, on the engine of the test, at its isolation level, and with the budgets of the test."""
    url = engine.url.render_as_string(hide_password=False)
    settings = Settings(database_url=url, keys=KEYS, legacy_nonce_enforced=enforce_nonce)
    unit_of_work = SqlUnitOfWork(engine, budget=budget or Budget())
    handler = CANCEL.make_handler(make_parts(CANCEL, settings, unit_of_work))
    app = create_app(settings, handler=handler, clock=lambda: NOW)
    return Service(app, engine)


def assert_try_again(answer: Answer) -> None:
    """A 503 that a client can read, in the format it speaks."""
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2"), answer
    media_type = answer.headers["Content-Type"].partition(";")[0]
    assert answer.body.decode() == TRY_AGAIN[media_type]


def assert_try_again_in_every_format(served: Service, order: str = "order", passengers: str = ALICE) -> None:
    """Three clients at once."""
    answers = at_once([partial(served.cancel, order, passengers, form) for form in FORMATS])
    for answer in answers:
        assert isinstance(answer, Answer), answer
        assert_try_again(answer)
    types = [answer.headers["Content-Type"].partition(";")[0] for answer in answers if isinstance(answer, Answer)]
    assert types == ["application/json", "application/xml", "application/json"]


def problem_of(engine: Engine) -> str:
    """The one sentence of `db check`."""
    (sentence,) = health.check(engine)
    assert "\n" not in sentence
    return sentence
