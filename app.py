"""The composition root: the only file that knows every part. Nothing is opened before it is needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import cache, partial

from flask import Flask

from refund_api import cli
from refund_api.cancel import PATH
from refund_api.cancel.handler import CancelOrder, count_nothing
from refund_api.http.blueprint import current_origin, make_blueprint
from refund_api.http.formatters import FORMATTERS
from refund_api.http.media import Bound
from refund_api.ports import Clock, utc_now
from refund_api.settings import Settings
from refund_api.signing.keys import KeyRing
from refund_api.signing.verifier import Verifier
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.unit_of_work import SqlUnitOfWork
from xml_contracts.refund import ApiResult, TicketRefundRequest

Handler = Callable[[Bound[TicketRefundRequest]], ApiResult]
Count = Callable[[str, str], None]


def create_app(settings: Settings | None = None, *, handler: Handler | None = None) -> Flask:
    """The WSGI application. With a handler given, neither key nor database is needed.

    Without settings the environment is read when it is first needed, so that every command can start and say what is
    wrong. `app.extensions["refund_api"]` counts, in this process, what metrics will show: ("members_ignored", member,
    kind), ("signature_rejected", cause), ("nonce_conflict", "observed").
    """
    app = Flask(__name__, static_folder=None)
    if settings is None and handler is not None:
        settings = Settings()
    read_settings = cache(lambda: settings or Settings.from_environ())
    app.extensions["refund_api"] = counted = Counter[tuple[str, ...]]()

    def count(*labels: str) -> None:
        counted[labels] += 1

    blueprint = make_blueprint(
        handler or (make_handler(settings, count=count) if settings else _on_first_request(read_settings, count)),
        FORMATTERS,
        count_ignored=partial(count, "members_ignored"),
        explain=lambda: read_settings().explain,
    )
    app.register_blueprint(blueprint)
    cli.register(app, read_settings)
    return app


def _on_first_request(read_settings: Callable[[], Settings], count: Count) -> Handler:
    handler = cache(lambda: make_handler(read_settings(), count=count))
    return lambda bound: handler()(bound)


def make_handler(settings: Settings, *, clock: Clock = utc_now, count: Count = count_nothing) -> CancelOrder:
    """The handler on the real ledger; connections are opened by the first request, after gunicorn has forked."""
    engine = make_engine(settings.database_url, threads=settings.threads)
    ring = KeyRing.from_json(settings.keys) if settings.keys else KeyRing()
    return CancelOrder(
        unit_of_work=SqlUnitOfWork(engine),
        verifier=Verifier(ring, timedelta(seconds=settings.tolerance_seconds), PATH, settings.signature_schemes),
        clock=clock,
        origin=current_origin,
        enforce_nonce=settings.legacy_nonce_enforced,
        count=count,
    )
