"""The short form of `make outage`: the server is stopped and started once while requests come."""

from __future__ import annotations

from pathlib import Path

from tests.chaos import faults
from tests.chaos.outage import on_postgres
from tests.chaos.outage_scene import Seen
from tests.chaos.outage_table import code_of

AWAY = 5.5  # seconds
FOUND_OUT = 4.3  # seconds after which the gate is shut, on a busy machine too


def codes(seen: Seen, kind: str, since: float = 0.0) -> set[str]:
    return {code_of(arrival) for arrival in seen.during(kind, since)}


def test_an_outage_is_noticed_by_those_alone_who_need_the_database_and_costs_nobody_a_refund(tmp_path: Path) -> None:
    with on_postgres(tmp_path) as (scene, node, _):
        seen = scene.under("stopped", faults.stopped(node), AWAY)
        wrong = scene.settle()
    assert codes(seen, "none") == {"1001", "404"}
    waits = sorted(arrival.seconds for arrival in seen.during("none"))
    assert waits[len(waits) // 2] < 0.5, "before, they waited in a queue behind budgets of 8 s"
    assert codes(seen, "ledger", FOUND_OUT) == {"3001"}
    assert max(arrival.seconds for arrival in seen.during("ledger", FOUND_OUT)) < AWAY / 2
    served = [arrival for arrival in seen.arrivals if arrival.at > seen.ended + 2 and arrival.sent.kind == "ledger"]
    assert served and {arrival.code for arrival in served} == {1}
    assert wrong == []
