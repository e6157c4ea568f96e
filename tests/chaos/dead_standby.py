"""Part of `make test-ha`: the standby dies, and nobody is promoted.

No COMMIT is durable then, so nobody may be told of a refund, and nobody may wait longer than the budget of a
request. When the standby is back the same bytes must get their one refund each.
"""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from refund_api.cancel.handler import Code
from refund_api.domain import Refusal
from tests.replication import Pair, pair, until
from tests.servers import Gunicorn, gunicorn

from .check import OK, TRY_AGAIN, Record, read_ledger, read_record, violations
from .check.dump import dump
from .client import Answer, Client, Crowd, Request, make_request
from .report import Figures, progress
from .stage import Stage, stage_on

_REQUESTS = 6
_THREADS = _REQUESTS + 2  # of one worker: no request waits for a thread, which no budget covers
_LIMIT = 8.5  # seconds: the 8 that a request may take, HTTP, and the client's own fsync
_AT_ONCE = 1.0  # seconds


@dataclass(frozen=True)
class Timed:
    """An answer, and the seconds that it took."""

    answer: Answer | None
    seconds: float


def run(directory: Path) -> tuple[Figures, dict[str, list[str]]]:
    """The figures, and the violations by kind. The directory must be empty."""
    with (
        pair() as servers,
        stage_on(servers.url, directory) as stage,
        gunicorn("wsgi:app", stage.records / "log", {**stage.env, "REFUND_API_THREADS": str(_THREADS)}) as server,
        Crowd(server, stage.records, _REQUESTS) as crowd,
    ):
        servers.wait_for_standbys(True)
        warm_up(server)
        requests = [make_request(order.order_number, order.passengers) for order in stage.book(_REQUESTS)]
        progress("dead standby: six requests at once, and an invalid one")
        servers.standby.stop()
        invalid = ask_without_standby(servers, server, crowd, requests)
        without = read_record(stage.records)
        progress("dead standby: it is back, the same bytes again")
        servers.standby.start()
        servers.wait_for_standbys(True)
        crowd.ask(requests)
        progress("")
        return judge(stage, without, invalid)


def warm_up(server: Gunicorn) -> None:
    """A request that writes no refund: what a worker does before its first one is in no budget."""
    with tempfile.TemporaryDirectory() as elsewhere, Client(server, Path(elsewhere, "warm.jsonl")) as client:
        answer = client.ask(make_request("unknown", [str(uuid.uuid4())]))
    if answer is None or answer.code != Refusal.ORDER_NOT_FOUND.value:
        raise RuntimeError(f"the service does not work: {answer}")


def ask_without_standby(servers: Pair, server: Gunicorn, crowd: Crowd, requests: Sequence[Request]) -> Timed:
    """All requests at once, recorded by the crowd; what an invalid one got while they all waited in COMMIT."""
    with (
        ThreadPoolExecutor(1) as pool,
        tempfile.TemporaryDirectory() as elsewhere,  # check.py expects no 1001
        Client(server, Path(elsewhere, "invalid.jsonl")) as client,
    ):
        asked = pool.submit(crowd.ask, requests)
        until(lambda: asked.done() or waiting(servers) == len(requests))
        began = time.monotonic()
        answer = client.ask(make_request(requests[0].order_number, ["nobody"]))
        found = Timed(answer, time.monotonic() - began)
        if asked.done():
            raise RuntimeError("not all requests waited for the standby at the same time")
        asked.result()
    return found


def waiting(servers: Pair) -> int:
    """How many COMMITs wait for the standby."""
    count: int = servers.primary.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
    return count


def judge(stage: Stage, without: Record, invalid: Timed) -> tuple[Figures, dict[str, list[str]]]:
    """What was answered without the standby, then the whole record against the ledger."""
    dump(stage.engine, stage.records)
    record, ledger = read_record(stage.records), read_ledger(stage.engine)
    seconds = {seen.request: (seen.at - seen.sent_at) / 1e9 for seen in without.seen}
    refused = [seen for seen in without.seen if (seen.status, seen.code) == (503, TRY_AGAIN)]
    told = [seen.data for seen in record.seen if seen.code == OK]
    found = {
        **violations(record, ledger),
        "audit": stage.audit(),
        "not refused": [f"{seen}" for seen in without.seen if seen not in refused],
        "later than the budget": [
            f"request {number} took {taken:.2f} s" for number, taken in seconds.items() if taken > _LIMIT
        ],
        "the invalid request": [] if is_refused_at_once(invalid) else [f"{invalid}"],
    }
    if not len(refused) == len(told) == len(set(told)) == len(ledger.refunds) == _REQUESTS:
        found["not one each"] = [f"{len(refused)} refused, {len(set(told))} numbers, {len(ledger.refunds)} refunds"]
    figures = {
        "without standby: 503, 3001": len(refused),
        "longest of these, s": round(max(seconds.values(), default=0.0), 2),
        "an invalid request, ms": round(invalid.seconds * 1000),
        "with it again: code 1": len(told),
        "refunds": len(ledger.refunds),
        "violations": sum(map(len, found.values())),
    }
    return figures, found


def is_refused_at_once(invalid: Timed) -> bool:
    code = invalid.answer.code if invalid.answer is not None else None
    return code == Code.INVALID_REQUEST and invalid.seconds < _AT_ONCE
