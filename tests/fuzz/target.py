"""What is fuzzed: the whole WSGI application on a migrated ledger; and what a request left behind in its tables."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from flask import Flask
from sqlalchemy import Engine, delete, func, select, text

from app import create_app, make_parts
from refund_api.actions import CANCEL
from refund_api.ops import logging_setup
from refund_api.ops.answer_lines import log_answer
from refund_api.ops.line import Line, as_json, line_of
from refund_api.settings import Settings
from refund_api.signing.schemes import SCHEMES
from refund_api.storage.audit import Report, audit
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.schema import upgrade
from refund_api.storage.shop.importing import import_orders
from refund_api.storage.tables import metadata, orders, refund_item
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.world import NOW, SECRET

from .orders import Booking
from .sent import SentRequest

KEYS = json.dumps({"keys": [{"kid": f"fuzz-{name}", "scheme": name, "secret": SECRET.decode()} for name in SCHEMES]})
"""One key a scheme."""

_COUNTS = text(
    "SELECT (SELECT count(*) FROM refund), (SELECT count(*) FROM refund_item), (SELECT count(*) FROM refund_outbox),"
    " (SELECT count(*) FROM orders WHERE state = 'cancelled'), (SELECT count(*) FROM orders),"
    " (SELECT count(*) FROM passenger), (SELECT count(*) FROM request_nonce)"
)


class Counts(NamedTuple):
    """How many rows the tables have. A request may change the first four by code 1 alone, and add one nonce."""

    refunds: int
    items: int
    outbox: int
    cancelled: int
    orders: int
    passengers: int
    nonces: int


@dataclass(frozen=True)
class Answer:
    """What came back. `cpu` is in milliseconds; `logged` are the lines of the log."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    cpu: float
    logged: tuple[str, ...]


class KeptLog(logging.Handler):
    """Keeps the lines that are logged of one request, so that they do not reach the terminal."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.put(line_of(record))

    def put(self, line: Line) -> None:
        """As StderrHandler takes what it writes."""
        self.lines.append(as_json(line))


@dataclass
class Target:
    """The service on one ledger. Its clock shows `now`, which a test may change."""

    engine: Engine
    log: KeptLog
    now: datetime = NOW
    app: Flask = field(init=False)

    def __post_init__(self) -> None:
        self.serve(Settings(database_url=self.url, keys=KEYS))

    def serve(self, settings: Settings) -> None:
        """Make the application anew, as app.py composes it, on the engine and the clock of the target."""
        parts = make_parts(CANCEL, settings, SqlUnitOfWork(self.engine))
        self.app = create_app(settings, handler=CANCEL.make_handler(parts), clock=lambda: self.now)

    @property
    def url(self) -> str:
        return self.engine.url.render_as_string(hide_password=False)

    def send(self, request: SentRequest) -> Answer:
        """One request; an exception of the application is raised."""
        environ = request.environ()
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[[bytes], object]:
            started.append((status, headers))
            return lambda content: None

        self.log.lines.clear()
        began = time.process_time()
        iterable = self.app(environ, start_response)
        body = b"".join(iterable)
        cpu = (time.process_time() - began) * 1000
        if hasattr(iterable, "close"):
            iterable.close()
        ((status, headers),) = started
        return Answer(int(status.split()[0]), tuple(headers), body, cpu, tuple(self.log.lines))

    def counts(self) -> Counts:
        with self.engine.connect() as connection:
            return Counts(*connection.execute(_COUNTS).one())

    def items_of(self, order_numbers: Iterable[str]) -> dict[str, set[tuple[str, str]]]:
        """Refund number -> (order number, passenger id) of its items, for these orders."""
        query = select(refund_item).where(refund_item.c.order_number.in_(list(order_numbers)))
        return self._items(query)

    def items_of_refund(self, refund_id: str) -> set[tuple[str, str]]:
        """(order number, passenger id) of the items of one refund; empty when there is none."""
        return self._items(select(refund_item).where(refund_item.c.refund_id == refund_id)).get(refund_id, set())

    def _items(self, query: Any) -> dict[str, set[tuple[str, str]]]:
        items: dict[str, set[tuple[str, str]]] = {}
        with self.engine.connect() as connection:
            for row in connection.execute(query):
                items.setdefault(row.refund_id, set()).add((row.order_number, row.passenger_id))
        return items

    def book(self, booked: Iterable[Booking]) -> None:
        """Put orders into the ledger, by the import of the service."""
        imported = [booking.imported(line) for line, booking in enumerate(booked, 1)]
        import_orders(self.engine, imported, lambda done: None)

    def empty(self) -> None:
        """Delete every row."""
        with self.engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(delete(table))

    def audit(self) -> Report:
        return audit(self.url)


@contextmanager
def target_on(url: str) -> Iterator[Target]:
    """The service on this database, which is migrated. ValueError: there are orders in it already."""
    engine, log = make_engine(url, threads=1), KeptLog()
    logging.getLogger().addHandler(log)
    logging.getLogger(log_answer.__module__).setLevel(logging.INFO)
    logging_setup.installed = log  # type: ignore[assignment]
    try:
        upgrade(engine)
        with engine.connect() as connection:
            if connection.scalar(select(func.count()).select_from(orders)):
                raise ValueError("there are orders in this database; the program needs an empty one, which it fills")
        yield Target(engine, log)
    finally:
        logging_setup.installed = None
        logging.getLogger().removeHandler(log)
        engine.dispose()
