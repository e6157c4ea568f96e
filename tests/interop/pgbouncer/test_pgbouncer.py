"""The service behind pgbouncer keeps its promises: when it is killed, and when a COMMIT has to be cancelled through it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from refund_api.domain import Refusal
from refund_api.ports import Ledger
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.chaos.check import OK, TRY_AGAIN, read_record, unproven
from tests.chaos.client import Client, make_request
from tests.chaos.kill import judge
from tests.chaos.load import Load, Orders
from tests.chaos.stage import Stage, environment, stage_on
from tests.integration.storage.conftest import opened
from tests.integration.storage.given import a_nonce, book, cancel
from tests.postgres import execute, fresh_database, own_server
from tests.servers import Gunicorn, gunicorn
from tests.world import ORDER

from .bouncer import FORGETFUL, Bouncer, running_bouncer

WORKERS = 2


@dataclass(frozen=True)
class Scene:
    """A PostgreSQL, a pgbouncer before it, and a gunicorn that knows the pgbouncer alone."""

    server: str
    bouncer: Bouncer
    stage: Stage
    gunicorn: Gunicorn


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with scene_in(tmp_path) as scene:
        yield scene


@contextmanager
def scene_in(tmp_path: Path, mode: str | None = None) -> Iterator[Scene]:
    records = tmp_path / "records"
    records.mkdir()
    with (
        own_server() as server,
        fresh_database(server) as url,
        running_bouncer(url, tmp_path / "pgbouncer.log", mode) as bouncer,
        stage_on(bouncer.url, records) as stage,
        gunicorn("wsgi:app", tmp_path / "gunicorn.log", environment(bouncer.url), WORKERS) as running,
    ):
        yield Scene(server, bouncer, stage, running)


def test_a_pgbouncer_that_is_killed_under_load_costs_no_refund_and_no_client_more_than_3001(scene: Scene) -> None:
    with Load(scene.gunicorn, Orders(scene.stage), scene.stage.records) as load:
        for _ in range(4):
            time.sleep(1)
            scene.bouncer.kill()
            scene.bouncer.start()
        load.stop()
        load.drain()
    record = read_record(scene.stage.records)
    scene.stage.engine.dispose()  # its connections died, too
    figures, found = judge(scene.stage, record)
    assert {kind: sentences for kind, sentences in found.items() if sentences} == {}
    assert unproven(record) == []
    assert figures["refunds"] > 0


def test_a_commit_that_no_standby_confirms_is_cancelled_through_pgbouncer_and_told_to_nobody(scene: Scene) -> None:
    (order,) = scene.stage.book(1, passengers=1)
    request = make_request(order.order_number, order.passengers)
    with Client(scene.gunicorn, scene.stage.records / "client.jsonl") as client:
        _wait_for_standbys(scene.server, "nobody")
        refused = client.ask(request)
        _wait_for_standbys(scene.server, "")
        told = client.ask(request)
    assert refused is not None and (refused.status, refused.code) == (503, TRY_AGAIN)
    assert told is not None and told.code == OK
    assert scene.stage.audit() == []


def test_a_pgbouncer_that_forgets_prepared_statements_costs_connections_and_no_answer(tmp_path: Path) -> None:
    with scene_in(tmp_path, FORGETFUL) as scene:
        with Load(scene.gunicorn, Orders(scene.stage), scene.stage.records) as load:
            time.sleep(3)
            load.stop()
            load.drain()
        record = read_record(scene.stage.records)
        scene.stage.engine.dispose()
        figures, found = judge(scene.stage, record)
    assert {kind: sentences for kind, sentences in found.items() if sentences} == {}
    assert figures["refunds"] > 20
    assert figures["unexpected answers"] == figures["of them try again"] == 0


def test_nobody_calls_a_statement_that_another_client_has_prepared_on_the_same_server_connection(
    tmp_path: Path,
) -> None:
    with (
        own_server() as server,
        fresh_database(server) as url,
        running_bouncer(url, tmp_path / "pgbouncer.log", FORGETFUL) as bouncer,
        stage_on(bouncer.url, tmp_path),
        opened(bouncer.url, threads=1) as first,
        opened(bouncer.url, threads=1) as second,
    ):
        book(first)
        ask, ask_again = SqlUnitOfWork(first).run, SqlUnitOfWork(second).run
        numbers = {ask(partial(_claim_and_cancel, nonce)) for nonce in "abcdef"}
        with psycopg.connect(bouncer.url) as holder:
            holder.execute("SELECT 1")  # it has the only server connection now, so the second client gets another
            # A nonce that is known takes one statement more, so statements are prepared in another order.
            numbers |= {ask_again(partial(_claim_and_cancel, "a")) for _ in range(7)}
            numbers.add(ask(partial(_claim_and_cancel, "g")))
    assert len(numbers) == 1, "an answer of another statement was taken for the ledger's"


def _claim_and_cancel(nonce: str, ledger: Ledger) -> str | Refusal:
    assert ledger.claim_nonce(a_nonce(nonce), ORDER)
    return cancel(ledger)


def _wait_for_standbys(server: str, names: str) -> None:
    execute(
        server,
        sql.SQL("ALTER SYSTEM SET synchronous_standby_names = {}").format(names),
        "SELECT pg_reload_conf()",
    )
