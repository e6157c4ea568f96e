"""Ledgers full of orders that nobody has cancelled, a copy for each contender, and a signed request for every order."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from benchmarks.calls import PATH
from benchmarks.samples import SECRET
from refund_api.cancel.handler import CancelOrder
from refund_api.domain import BOOKED, Order
from refund_api.signing.keys import Key, KeyRing
from refund_api.signing.legacy import sign_legacy
from refund_api.signing.verifier import Verifier
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.schema import upgrade
from refund_api.storage.shop.importing import ImportedOrder, import_orders
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.postgres import execute, fresh_database, own_server
from xml_contracts import DataContractSerializer
from xml_contracts.refund import Terminal, TicketRefundRequest

PASSENGERS = 2  # of an order, unless more are asked for; a request cancels all of them, and so closes the order


def order_number(number: int) -> str:
    return f"CTT{20261123000000000 + number}"


def passenger_ids(number: int, passengers: int = PASSENGERS) -> list[str]:
    return [str(UUID(int=(number << 16) + place, version=4)) for place in range(passengers)]


def fill(url: str, orders: int, passengers: int = PASSENGERS) -> None:
    """The schema, and the first `orders` orders, by the feed."""
    day = (datetime.now(UTC) + timedelta(days=365)).date()
    feed = (
        ImportedOrder(
            line,
            Order(order_number(line), day, BOOKED, "CNY"),
            dict.fromkeys(passenger_ids(line, passengers), 55350),
        )
        for line in range(1, orders + 1)
    )
    engine = make_engine(url, threads=1)
    upgrade(engine)
    import_orders(engine, feed, lambda done: None)
    engine.dispose()


def request_of(number: int, now: datetime, passengers: int = PASSENGERS) -> TicketRefundRequest:
    """Cancels all passengers of an order, signed now."""
    time_stamp = now.strftime("%Y%m%d%H%M%S")
    return TicketRefundRequest(
        terminal=Terminal.WEBPAGEEnum,
        time_stamp=time_stamp,
        random=number,
        sign=sign_legacy(SECRET, random=number, time_stamp=time_stamp, terminal=1),
        order_number=order_number(number),
        refund_passanger_ids=",".join(passenger_ids(number, passengers)),
        refund_reason="change of plan",
    )


@contextmanager
def service_on(url: str) -> Iterator[CancelOrder]:
    """The handler of the service on a ledger, without HTTP."""
    verifier = Verifier(KeyRing((Key("bench", "legacy", SECRET),)), timedelta(hours=24), PATH)
    engine = make_engine(url, threads=1)
    yield CancelOrder(SqlUnitOfWork(engine), verifier)
    engine.dispose()


def write_requests(path: Path, orders: int) -> None:
    """The request of each of these orders in XML, a line each."""
    write, now = DataContractSerializer(TicketRefundRequest).write, datetime.now(UTC)
    with path.open("wb") as file:
        file.writelines(write(request_of(number, now)) + b"\n" for number in range(1, orders + 1))


@contextmanager
def postgres(names: Sequence[str], orders: int, folder: Path) -> Iterator[dict[str, str]]:
    """The URL of a database for each name, on one server that writes to its disk at COMMIT, as in production."""
    with own_server("-c", "fsync=on", "-c", "full_page_writes=on") as server, ExitStack() as stack:
        full = stack.enter_context(fresh_database(server))
        fill(full, orders)
        execute(full, "VACUUM ANALYZE", "CHECKPOINT")
        template = full.rpartition("/")[2].partition("?")[0]
        yield {name: stack.enter_context(fresh_database(server, template=template)) for name in names}


@contextmanager
def sqlite(names: Sequence[str], orders: int, folder: Path) -> Iterator[dict[str, str]]:
    """The same in a file for each name, each in a folder of its own."""
    full = folder / "full.db"
    fill(f"sqlite:///{full}", orders)
    urls = {}
    for number, name in enumerate(names):
        path = folder / f"ledger{number}" / "ledger.db"
        path.parent.mkdir()
        shutil.copy(full, path)
        urls[name] = f"sqlite:///{path}"
    yield urls


DATABASES = {"postgres": postgres, "sqlite": sqlite}
