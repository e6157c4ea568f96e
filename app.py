"""The composition root: the only file that knows every part. It opens no file and no connection."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from flask import Flask

from refund_api import cli
from refund_api.actions import ACTIONS, Action, Handler
from refund_api.help.blueprint import make_help
from refund_api.http.blueprint import make_blueprint
from refund_api.http.edge import Edge, Endpoint
from refund_api.once import Once
from refund_api.ops.log_and_count import LogAndCount
from refund_api.parts import Parts
from refund_api.ports import Clock, UnitOfWork, utc_now
from refund_api.settings import Settings
from refund_api.signing.verifier import Verifier
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.unit_of_work import SqlUnitOfWork


def create_app(
    settings: Settings | None = None,
    *,
    actions: tuple[Action, ...] = ACTIONS,
    handler: Handler | None = None,
    clock: Clock = utc_now,
) -> Flask:
    """The WSGI application. With a `handler` given, neither key nor database is needed.

    Without settings the environment is read when it is first needed, so that every command can start and say what is
    wrong. `app.extensions["refund_api"]` counts, in this process, what metrics will show (ops/log_and_count.py).
    """
    app = Flask(__name__, static_folder=None)
    if settings is None and handler is not None:
        settings = Settings()
    read_settings = Once(partial(_given_or_environ, settings))
    unit_of_work = Once(partial(_unit_of_work, read_settings))
    log_and_count = LogAndCount()
    app.extensions["refund_api"] = log_and_count.counted
    endpoints = tuple(
        Endpoint.of(action, Once(partial(_handler, action, handler, read_settings, unit_of_work))) for action in actions
    )
    edge = Edge(endpoints, (log_and_count,), clock, partial(_explains, read_settings))
    app.register_blueprint(make_blueprint(edge))
    app.register_blueprint(make_help(actions, read_settings))
    cli.register(app, read_settings)
    return app


def make_parts(action: Action, settings: Settings, unit_of_work: UnitOfWork) -> Parts:
    """What the handler of an action works with."""
    tolerance = timedelta(seconds=settings.tolerance_seconds)
    return Parts(
        unit_of_work, Verifier(settings.key_ring(), tolerance, action.path, settings.signature_schemes), settings
    )


def make_unit_of_work(settings: Settings) -> SqlUnitOfWork:
    """The ledger of these settings; connections are opened by the first request, after gunicorn has forked."""
    return SqlUnitOfWork(make_engine(settings.database_url, threads=settings.threads))


def _handler(
    action: Action, given: Handler | None, settings: Once[Settings], unit_of_work: Once[UnitOfWork]
) -> Handler:
    return given or action.make_handler(make_parts(action, settings(), unit_of_work()))


def _unit_of_work(settings: Once[Settings]) -> UnitOfWork:
    return make_unit_of_work(settings())


def _given_or_environ(settings: Settings | None) -> Settings:
    return settings or Settings.from_environ()


def _explains(settings: Once[Settings]) -> bool:
    return settings().explain
