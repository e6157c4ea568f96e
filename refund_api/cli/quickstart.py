"""`quickstart`, which `make run` runs: prepares database, key, orders and requests to paste, then serves them.

All of it is one process, because a first start spends most of its time on imports.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final

import click
from flask.cli import with_appcontext
from sqlalchemy import Engine

from xml_contracts.refund import Terminal

from ..domain import BOOKED, CHINA
from ..settings import PREFIX
from ..storage import schema
from ..storage.shop.importing import ImportedOrder
from ..storage.shop.order_view import read_order
from .curl import FORMATS, curl
from .db import make_database_directory
from .demo import DEFAULT_COUNT
from .demo_ledger import into_option, refuse_other_ledger
from .orders import import_demo_orders
from .serve import serve
from .session import open_engine, settings
from .sign import fresh_numbers, signed_request, signing_key

KEYS: Final = Path("instance/keys.json")
MARGIN: Final = timedelta(days=2)
"""A printed request can be sent for a day, and its order must still be cancellable then."""

TITLES: Final = {"json": "JSON", "xml": "XML", "form": "a form"}

_DEMO: Final = {"REFUND_API_TOLERANCE_SECONDS": "86400", "REFUND_API_EXPLAIN": "1", "REFUND_API_HELP": "demo"}
"""Its settings that are not the default ones."""


@click.command("quickstart")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Where it listens.")
@into_option
@with_appcontext
def quickstart_command(port: int, confirmed_name: str | None) -> None:
    """Serve a demo on this machine.

    It has its own database and key, which it makes in ./instance, whatever REFUND_API_* are set; and it prints requests
    to paste. A ledger with other orders is refused.
    """
    refuse_taken_port(port)
    _use_settings_of_demo()
    _prepare(f"http://127.0.0.1:{port}", confirmed_name)
    os.environ["REFUND_API_KEYS_FILE"] = str(KEYS)
    serve(["--bind", f"127.0.0.1:{port}"])


def _use_settings_of_demo() -> None:
    """Put them into the environment, where gunicorn and its workers find them too, also at a SIGHUP."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    os.environ.pop("PORT", None)
    os.environ.update(_DEMO)


def _prepare(url: str, confirmed_name: str | None) -> None:
    """Make what is missing, and print requests to `url`. ClickException: the ledger is not the demo's."""
    make_database_directory(settings().database_url)
    with open_engine() as engine:
        refuse_other_ledger(engine, confirmed_name)
        key = signing_key(demo_keys(KEYS), Terminal.WEBPAGEEnum, settings().signature_schemes)
        schema.upgrade(engine)
        demo_orders, _ = import_demo_orders(engine, seed=1, count=DEFAULT_COUNT)
        chosen = list(islice(_cancellable(engine, demo_orders), len(FORMATS)))
    if len(chosen) < len(FORMATS):
        raise click.ClickException("The demo orders are all cancelled; remove the demo database for new ones")
    click.echo(f"Demo: {len(demo_orders)} orders; the key ring is {KEYS}. Stop with Ctrl-C.")
    click.echo(f"Pages for whoever writes a client, with requests to try: {url}/Help\n")
    click.echo("Paste a line into another terminal: it cancels an order and answers code 1 with the refund number.")
    click.echo("Pasted again, it gives the same number. It works for a day here, and for 5 minutes in a real service.")
    numbers = fresh_numbers(len(chosen))
    for name, number, (order_number, ids) in zip(FORMATS, numbers, chosen, strict=True):
        click.secho(f"\nAs {TITLES[name]}:", bold=True)
        click.echo(curl(name, signed_request(key, order_number, ids, number=number), url))
    click.echo()


def refuse_taken_port(port: int) -> None:
    """ClickException: something listens at this port of loopback already. Called before anything is made."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return
    other = port + 1 if port < 65535 else 8000
    raise click.ClickException(f"Port {port} is taken; for another one: make run PORT={other}, or --port {other}")


def demo_keys(path: Path) -> str:
    """The text of the key ring at `path`. A missing one is made; an existing one is never changed."""
    kids = {"demo": "legacy", "demo-v2": "v2"}
    keys = [{"kid": kid, "scheme": scheme, "secret": secrets.token_hex(32)} for kid, scheme in kids.items()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(json.dumps({"keys": keys}, indent=2) + "\n")
    except FileExistsError:
        pass
    except OSError as error:
        raise click.ClickException(f"The key ring {path} cannot be made: {error.strerror}") from None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"The key ring {path} cannot be read: {error}") from None
    if not text:  # its disk was full, or the start was broken off, while it was made
        raise click.ClickException(f"The key ring {path} is empty; remove it, and a new one is made")
    return text


def _cancellable(engine: Engine, demo_orders: list[ImportedOrder]) -> Iterator[tuple[str, list[str]]]:
    """(order number, passenger ids) of the orders that have no refund yet and may be cancelled."""
    first_day = datetime.now(CHINA).date() + timedelta(days=settings().notice_days) + MARGIN
    for imported in demo_orders:
        if imported.order.train_date > first_day:
            view = read_order(engine, imported.order.order_number)
            if view is not None and view.order.state == BOOKED and not view.refunds:
                yield view.order.order_number, [p.passenger_id for p in view.passengers]
