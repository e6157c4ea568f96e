"""A flask app with nothing but the commands, on a SQLite file of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from click.testing import Result
from flask import Flask
from sqlalchemy import Engine

from refund_api.cli import register
from refund_api.domain import CHINA, Refund
from refund_api.ports import utc_now
from refund_api.settings import Settings
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.world import ALICE, BOB, NOW, ORDER

SECRET = "a demo secret that no output may show"


def key_ring(not_after: str | None = None) -> str:
    key = {"kid": "web", "scheme": "legacy", "secret": SECRET, "not_after": not_after}
    return json.dumps({"keys": [key]})


def far_day() -> date:
    return datetime.now(CHINA).date() + timedelta(days=40)


def order_line(order_number: str = ORDER, state: str = "booked", paid: int = 55350) -> str:
    passengers = [{"passenger_id": passenger_id, "paid_minor": paid} for passenger_id in (ALICE, BOB)]
    order = {
        "order_number": order_number,
        "train_date": far_day().isoformat(),
        "state": state,
        "currency": "CNY",
        "passengers": passengers,
    }
    return json.dumps(order) + "\n"


@dataclass
class Commands:
    """Runs commands as a person would, in one process."""

    folder: Path
    keys: str | None = None
    legacy_sign: bool = True
    keep_reasons_days: int | None = None
    served: list[tuple[Sequence[str], dict[str, str]]] = field(default_factory=list)
    """The options, and the environment, of each time that a command began to serve."""

    @property
    def settings(self) -> Settings:
        url = f"sqlite:///{self.folder}/instance/refunds.db"
        return Settings(
            database_url=url,
            keys=self.keys,
            legacy_sign=self.legacy_sign,
            keep_reasons_days=self.keep_reasons_days,
        )

    def run(self, *arguments: str, stdin: str | None = None) -> Result:
        app = Flask("commands")
        register(app, lambda: self.settings, lambda options: self.served.append((options, dict(os.environ))))
        with patch.dict(os.environ):  # a command is a process of its own, and may change it
            return app.test_cli_runner().invoke(args=arguments, input=stdin)

    def succeed(self, *arguments: str, stdin: str | None = None) -> str:
        result = self.run(*arguments, stdin=stdin)
        assert result.exit_code == 0, result.output
        assert SECRET not in result.output
        return result.stdout

    def fail(self, *arguments: str, stdin: str | None = None) -> str:
        """The output of a command that ends with status 1 and no traceback."""
        result = self.run(*arguments, stdin=stdin)
        assert (result.exit_code, type(result.exception)) == (1, SystemExit), result.output
        assert SECRET not in result.output
        return result.output

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        engine = make_engine(self.settings.database_url, threads=1)
        yield engine
        engine.dispose()

    def refund(
        self,
        *,
        order_number: str = ORDER,
        passenger_id: str = ALICE,
        reason: str = "plans changed",
        refund_id: str = "9b2f0d7e-58f3-4a0e-9d52-8a1b3a6a7a11",
        source: str = "192.0.2.7",
        recorded_at: datetime | None = None,
    ) -> None:
        """A refund of one passenger, as the service would record it."""
        refund = Refund(
            order_number=order_number,
            refund_id=refund_id,
            set_hash="0" * 64,
            items={passenger_id: 55350},
            currency="CNY",
            reason=reason,
            decided_at=NOW,
            source=source,
            kid="web",
            request_id="request-1",
        )
        with self.engine() as engine:
            clock = utc_now if recorded_at is None else lambda: recorded_at
            SqlUnitOfWork(engine, clock=clock).run(lambda ledger: ledger.record(refund, closes_order=False))
