"""What every chaos program needs: a migrated database, orders in it, the settings to serve it, the audit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from refund_api.domain import BOOKED, Order
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.schema import upgrade
from refund_api.storage.shop.importing import ImportedOrder, import_orders
from refund_api.storage.tables import refund
from tests.integration.storage.given import count
from tests.postgres import fresh_database, postgres_server
from tests.servers import ROOT
from tests.world import SECRET

ENGINES = ("sqlite", "postgres")
_KEYS = {"keys": [{"kid": "chaos", "scheme": "legacy", "secret": SECRET.decode()}]}
_AUDIT_TIMEOUT = 120


@dataclass(frozen=True)
class Booking:
    """An order that may be cancelled."""

    order_number: str
    passengers: tuple[str, ...]


@dataclass(frozen=True)
class Stage:
    """A migrated database: an engine of our own, the environment for a server, a directory for records."""

    engine: Engine
    env: dict[str, str]
    records: Path

    def book(self, count: int, passengers: int = 6) -> list[Booking]:
        """New orders, by the import of the service, which may run beside it."""
        ids = range(passengers)
        booked = [Booking(f"CHAOS{uuid.uuid4().hex}", tuple(str(uuid.uuid4()) for _ in ids)) for _ in range(count)]
        day = (datetime.now(UTC) + timedelta(days=365)).date()
        orders = [
            ImportedOrder(
                line, Order(one.order_number, day, BOOKED, "CNY"), dict.fromkeys(one.passengers, 55350 + line)
            )
            for line, one in enumerate(booked, 1)
        ]
        import_orders(self.engine, orders, lambda done: None)
        return booked

    def audit(self) -> list[str]:
        """What `audit` finds in this very database; nothing when it is right."""
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "app", "audit", "--json"],
            cwd=ROOT,
            env={**os.environ, **self.env},
            capture_output=True,
            text=True,
            check=False,
            timeout=_AUDIT_TIMEOUT,
        )
        refunds = count(self.engine, refund)
        report = json.loads(done.stdout or "{}")
        if (done.returncode, report.get("clean"), report.get("refunds")) == (0, True, refunds):
            return []
        return [f"audit of {refunds} refunds: {done.stdout.strip() or done.stderr.strip()}"]


@contextmanager
def stage(engine: str, directory: Path) -> Iterator[Stage]:
    """A new database on `sqlite` or `postgres`, dropped at the end; the records stay in the directory."""
    records = directory / "records"
    records.mkdir(parents=True)
    with database(engine, directory) as url, stage_on(url, records) as found:
        yield found


@contextmanager
def stage_on(url: str, records: Path) -> Iterator[Stage]:
    """A database that is there; it may be two servers, one of them the primary."""
    engine = make_engine(url, threads=4)
    try:
        upgrade(engine)
        yield Stage(engine, environment(url), records)
    finally:
        engine.dispose()


@contextmanager
def database(engine: str, directory: Path) -> Iterator[str]:
    """The URL of an empty database on `sqlite` or `postgres`, dropped at the end."""
    if engine == "sqlite":
        yield f"sqlite:///{directory}/ledger.db"
    else:
        with postgres_server() as server, fresh_database(server) as url:
            yield url


def environment(url: str) -> dict[str, str]:
    """The settings of a service on this database."""
    return {
        "REFUND_API_DATABASE_URL": url,
        "REFUND_API_KEYS": json.dumps(_KEYS),
        "REFUND_API_TOLERANCE_SECONDS": "86400",  # the same bytes must be good at the end of a long run
        "REFUND_API_LOG_LEVEL": "warning",
    }
