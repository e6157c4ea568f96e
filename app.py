"""The composition root: the only file that knows every part. It opens no file and no connection."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from flask import Flask

from refund_api import cli
from refund_api.actions import ACTIONS, Action, Handler
from refund_api.domain import CHINA
from refund_api.help.blueprint import make_help
from refund_api.http.application import Application
from refund_api.http.blueprint import make_blueprint
from refund_api.http.edge import Edge, Endpoint
from refund_api.http.proxies import behind_proxies
from refund_api.once import Once
from refund_api.ops import logging_setup
from refund_api.ops.answer_lines import log_answer
from refund_api.ops.event_queue import EventQueue
from refund_api.ops.live_figures import LiveFigures
from refund_api.ops.metrics import Metrics
from refund_api.ops.pages import Pages, make_pages
from refund_api.ops.polled import Polled
from refund_api.parts import Parts
from refund_api.ports import Clock, UnitOfWork, utc_now
from refund_api.serving import settings_to_serve
from refund_api.serving.workers import draining
from refund_api.settings import MAX_TOLERANCE_SECONDS, Settings, SettingsError
from refund_api.signing.verifier import Verifier
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.gate import WAITING_ROOM, Gate
from refund_api.storage.questions import CONNECTIONS, questions_to
from refund_api.storage.shop.demo_order import find_demo_order
from refund_api.storage.unit_of_work import SqlUnitOfWork
from refund_api.storage.watch import DatabaseWatch

_USUAL_TOLERANCE = timedelta(seconds=Settings().tolerance_seconds)


def create_app(
    settings: Settings | None = None,
    *,
    actions: tuple[Action, ...] = ACTIONS,
    handler: Handler | None = None,
    clock: Clock = utc_now,
) -> Flask:
    """The WSGI application. With a `handler` given, neither key nor database is needed.

    Without settings the environment is read when it is first needed, so that every command can start and say what is
    wrong. `app.extensions["refund_api"]` are its Metrics.
    """
    app = Application(__name__, static_folder=None)
    if settings is None and handler is not None:
        settings = Settings()
    read_settings = Once(partial(_given_or_environ, settings))
    unit_of_work = Once(partial(_unit_of_work, read_settings))
    watch = DatabaseWatch(partial(_database_url, read_settings))
    examine = Polled(watch.examine, fresh_seconds=1)
    read_figures = Polled(watch.read_figures, fresh_seconds=5)
    metrics = app.extensions["refund_api"] = Metrics(LiveFigures(examine, read_figures, clock))
    logging_setup.count_drops_with(metrics.count_dropped_lines)
    events = EventQueue(log_answer, metrics)
    endpoints = tuple(
        Endpoint.of(action, Once(partial(_handler, action, handler, read_settings, unit_of_work))) for action in actions
    )
    edge = Edge(
        endpoints,
        (events,),
        clock,
        partial(_explains, read_settings),
        partial(_origins, read_settings),
    )
    app.register_blueprint(make_blueprint(edge))
    app.register_blueprint(make_help(actions, read_settings, partial(_demo_order, watch, read_settings, clock), clock))
    figures = partial(_figures, events, metrics)
    app.register_blueprint(make_pages(Pages(partial(_has_pages, read_settings), examine, draining, figures)))
    app.wsgi_app = behind_proxies(app.wsgi_app, partial(_trusted_proxies, read_settings))  # type: ignore[method-assign]
    cli.register(app, read_settings, serve)
    return app


def make_served_app() -> Flask:
    """What a worker of gunicorn serves; AppImportError under a gunicorn that has not read our configuration."""
    return create_app(settings_to_serve())


def serve(options: Sequence[str]) -> None:
    """Serve in this process until SIGTERM, by gunicorn; the options are those of its command line."""
    from refund_api.serving.gunicorn_server import GunicornServer  # it reads WEB_CONCURRENCY when it is imported

    GunicornServer(options, make_served_app).run()


def main() -> None:
    """The console script `refund-api`: the commands that `flask --app app` has too."""
    app = create_app()
    with app.app_context():
        app.cli.main(prog_name="refund-api")


def make_parts(action: Action, settings: Settings, unit_of_work: UnitOfWork) -> Parts:
    """What the handler of an action works with."""
    verifier = Verifier(
        settings.key_ring(),
        timedelta(seconds=settings.tolerance_seconds),
        action.path,
        settings.signature_schemes,
        # Nobody but a demo takes what was signed a day ago.
        warns_beyond=_USUAL_TOLERANCE if settings.tolerance_seconds == MAX_TOLERANCE_SECONDS else None,
    )
    return Parts(unit_of_work, verifier, settings)


def make_unit_of_work(settings: Settings) -> SqlUnitOfWork:
    """The ledger of these settings; connections are opened by the first request, after gunicorn has forked."""
    engine = make_engine(settings.database_url, threads=settings.threads + CONNECTIONS)
    gate = Gate(settings.threads, WAITING_ROOM, questions_to(engine))
    return SqlUnitOfWork(engine, gate=gate.passed)


def _demo_order(watch: DatabaseWatch, settings: Once[Settings], clock: Clock) -> tuple[str, list[str]] | None:
    earliest = clock().astimezone(CHINA).date() + timedelta(days=settings().notice_days + 1)
    return find_demo_order(watch.engine(), earliest)


def _handler(
    action: Action, given: Handler | None, settings: Once[Settings], unit_of_work: Once[UnitOfWork]
) -> Handler:
    return given or action.make_handler(make_parts(action, settings(), unit_of_work()))


def _unit_of_work(settings: Once[Settings]) -> UnitOfWork:
    return make_unit_of_work(settings())


def _database_url(settings: Once[Settings]) -> str:
    return settings().database_url


def _figures(events: EventQueue, metrics: Metrics) -> bytes:
    events.catch_up()  # else the last answers would be missing
    return metrics.page()


def _has_pages(settings: Once[Settings]) -> bool:
    return settings().ops


def _given_or_environ(settings: Settings | None) -> Settings:
    return settings or Settings.from_environ()


def _explains(settings: Once[Settings]) -> bool:
    return settings().explain


def _trusted_proxies(settings: Once[Settings]) -> int:
    return _or_defaults(settings).trusted_proxies


def _origins(settings: Once[Settings]) -> tuple[str, ...]:
    return _or_defaults(settings).cors_origins


def _or_defaults(settings: Once[Settings]) -> Settings:
    try:
        return settings()
    except SettingsError:
        return Settings()  # the request finds out for itself, and the application answers it
