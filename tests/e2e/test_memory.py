"""What the workers of a real gunicorn share with their master stays shared."""

from __future__ import annotations

from pathlib import Path

from tests.attack.refused_bodies import KEYS
from tests.servers import START_TIMEOUT, gunicorn

from .collecting import PATH

FEW = 4_000
"""kB. A collection that looks at the objects of the master takes over 20,000."""


def test_a_full_collection_of_a_worker_copies_nothing_that_its_master_has(tmp_path: Path) -> None:
    env = {"REFUND_API_KEYS": KEYS, "REFUND_API_DATABASE_URL": f"sqlite:///{tmp_path}/never-opened.db"}
    with gunicorn("tests.e2e.collecting:make_app()", tmp_path / "gunicorn.log", env) as server:
        connection = server.connection(START_TIMEOUT)
        connection.request("GET", PATH)
        taken = int(connection.getresponse().read())
        connection.close()
    assert taken < FEW
