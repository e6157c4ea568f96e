"""`python -m benchmarks.capacity --engine postgres`: what a refund costs, for the table in docs/operations.md.

Eight clients cancel orders on a gunicorn of one worker, a refund each. Printed are refunds a second, processor time of
the worker and bytes of the database a refund, and the memory of the worker before and after.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sqlalchemy import Engine, text

from tests.chaos.client import make_request
from tests.chaos.stage import ENGINES, Booking, Stage, stage
from tests.servers import Gunicorn, gunicorn

_CLIENTS = 8
_TIMEOUT = 20.0


def main() -> None:
    """Measure one engine, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=ENGINES, default="postgres")
    parser.add_argument("--refunds", type=int, default=2000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, stage(options.engine, Path(folder)) as staged:
        orders = staged.book(options.refunds, passengers=2)
        with gunicorn("wsgi:app", Path(folder) / "log", staged.env) as server:
            print(f"{options.engine}, one worker, {_CLIENTS} clients, {options.refunds} refunds of two passengers")
            _measure(staged, server, orders)


def _measure(staged: Stage, server: Gunicorn, orders: list[Booking]) -> None:
    worker = _worker_of(server)
    _cancel_all(server, orders[:100])
    size, used, memory, began = _bytes(staged.engine), _processor(worker), _memory(worker), time.monotonic()
    _cancel_all(server, orders[100:])
    seconds, count = time.monotonic() - began, len(orders) - 100
    print(f"refunds a second       {count / seconds:8.0f}")
    print(f"processor time, worker {(_processor(worker) - used) / count * 1000:8.2f} ms a refund")
    print(f"database               {(_bytes(staged.engine) - size) / count:8.0f} bytes a refund")
    print(f"memory of the worker   {memory:8.0f} MB, then {_memory(worker):.0f} MB")


def _cancel_all(server: Gunicorn, orders: list[Booking]) -> None:
    with ThreadPoolExecutor(_CLIENTS) as clients:
        refunded = sum(
            clients.map(lambda share: _cancel(server, share), [orders[n::_CLIENTS] for n in range(_CLIENTS)])
        )
    assert refunded == len(orders), f"{refunded} refunds of {len(orders)} orders"


def _cancel(server: Gunicorn, orders: list[Booking]) -> int:
    """How many were refunded."""
    connection = server.connection(_TIMEOUT)
    refunded = 0
    for order in orders:
        request = make_request(order.order_number, order.passengers)
        connection.request("POST", "/api/order/cancel", request.body, {"Content-Type": request.content_type})
        response = connection.getresponse()
        body = response.read()
        refunded += response.status == 200 and b"Cancelled" in body
    connection.close()
    return refunded


def _worker_of(server: Gunicorn) -> int:
    path = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    while not (children := path.read_text().split()):
        time.sleep(0.05)
    return int(children[0])


def _processor(process: int) -> float:
    """Seconds of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(process: int) -> float:
    """Resident megabytes."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _bytes(engine: Engine) -> int:
    """What the database takes on its disk."""
    if engine.dialect.name == "sqlite":
        return Path(engine.url.database or "").stat().st_size
    with engine.connect() as connection:
        size: int = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
        return size


if __name__ == "__main__":
    main()
