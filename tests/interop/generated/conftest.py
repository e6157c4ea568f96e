"""The service under gunicorn with its pages switched on, an empty ledger and one v2 key.

What the tests here need is locked in openapi.lock, and installed by `make test-openapi` alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest

from refund_api.actions import CANCEL
from refund_api.signing.schemes import SCHEMES
from refund_api.signing.time_stamp import TIME_STAMP_FORMAT
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.schema import upgrade
from tests.servers import gunicorn
from xml_contracts.refund import TicketRefundRequest

if not all(map(find_spec, ("schemathesis", "tree_sitter_powershell"))):
    collect_ignore_glob = ["test_*.py"]

KID, SECRET = "generated", "a shared secret of thirty-two b."


@dataclass(frozen=True)
class Service:
    """Where it is, and a client that has its key."""

    url: str

    def signed(self, request: TicketRefundRequest) -> TicketRefundRequest:
        """The request of this moment, signed."""
        request = replace(request, time_stamp=datetime.now(UTC).strftime(TIME_STAMP_FORMAT))
        return replace(request, sign=SCHEMES["v2"].sign(request, CANCEL.path, KID, SECRET.encode()))


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder: Path = tmp_path_factory.mktemp("service")
    url = f"sqlite:///{folder}/refunds.db"
    engine = make_engine(url, threads=1)
    upgrade(engine)
    engine.dispose()
    keys = json.dumps({"keys": [{"kid": KID, "scheme": "v2", "secret": SECRET}]})
    env = {"REFUND_API_DATABASE_URL": url, "REFUND_API_KEYS": keys, "REFUND_API_HELP": "on"}
    with gunicorn("wsgi:app", folder / "gunicorn.log", env) as server:
        yield Service(server.url)
