"""A real gunicorn with the help pages and some orders, as a developer finds it who has only its URL."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from lxml import html

from refund_api.cancel.description import DESCRIPTION
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.schema import upgrade
from refund_api.storage.shop.importing import import_orders, read_import
from tests.servers import Gunicorn, gunicorn
from tests.unit.cli.running import order_line
from tests.world import ALICE, BOB

ORDER: str = DESCRIPTION.sample.order_number
IDS: list[str] = DESCRIPTION.sample.refund_passanger_ids.split(",")
"""The order of the samples on the page, and its passengers."""


@contextmanager
def demo_service(
    folder: Path,
    keys: Iterable[Mapping[str, Any]],
    *,
    mode: str = "on",
    more_orders: Iterable[str] = (),
    more_lines: Iterable[str] = (),
    target: str = "wsgi:app",
) -> Iterator[Gunicorn]:
    """Its ledger has the order of the samples, and more with ALICE and BOB, all of which can be cancelled.

    `more_lines` are orders as an import has them.
    """
    url = f"sqlite:///{folder}/refunds.db"
    (folder / "refunds.db").touch()
    engine = make_engine(url, threads=1)
    upgrade(engine)
    lines = [order_line(ORDER).replace(ALICE, IDS[0]).replace(BOB, IDS[1]), *map(order_line, more_orders), *more_lines]
    with read_import(lines)[0] as orders:
        import_orders(engine, orders, lambda done: None)
    engine.dispose()
    env = {
        "REFUND_API_DATABASE_URL": url,
        "REFUND_API_KEYS": json.dumps({"keys": [*keys]}),
        "REFUND_API_HELP": mode,
        "REFUND_API_EXPLAIN": "1",
    }
    with gunicorn(target, folder / "gunicorn.log", env) as server:
        yield server


def download(server: Gunicorn, path: str) -> bytes:
    with urlopen(server.url + path, timeout=60) as answer:
        content: bytes = answer.read()
    return content


def programs_on_the_page(server: Gunicorn) -> dict[str, str]:
    """Title -> program or command, as the page of the action shows it."""
    page = html.document_fromstring(download(server, "/Help/Api/POST-api-order-cancel").decode())
    return {pre.get("aria-label", ""): pre.text_content() for pre in page.xpath("//pre[starts-with(@id, 'ready-')]")}
