"""The judge of a soak sees an answer without a line, a line without an answer, and growth."""

from __future__ import annotations

import json
from collections.abc import Iterable

from tests.chaos.soak.growth import Reading, kilobytes_in, missed, warm_and_last
from tests.chaos.soak.log_lines import Logged, compare

STRUCK, STEADY = "127.0.0.1:1", "127.0.0.1:2"
NOON = "2026-11-27T12:00:00+00:00"
NOON_SECONDS = 1795780800.0


def of_nginx(request_id: str, status: str = "200", node: str = STEADY) -> str:
    return json.dumps({"time": NOON, "request_id": request_id, "node": node, "node_status": status})


def of_node(request_id: str, **more: int) -> str:
    return json.dumps({"event": "refused", "request_id": request_id, **more})


def compared(asked: Iterable[str], lines: Iterable[str], killed_at: float = 0.0) -> Logged:
    return compare(asked, lines, STRUCK, [killed_at])


def test_an_answer_needs_a_line_and_a_line_needs_an_answer() -> None:
    logged = compared([of_nginx("a"), of_nginx("b")], [of_node("a"), of_node("c"), "no JSON"])
    assert (logged.answers, logged.lines) == (2, 2)
    assert (len(logged.unlogged), len(logged.strange)) == (1, 1)


def test_two_lines_for_one_answer_are_strange() -> None:
    assert compared([of_nginx("a")], [of_node("a"), of_node("a")]).strange


def test_of_two_nodes_that_were_asked_the_one_that_died_needs_no_line() -> None:
    asked = [of_nginx("a", "502, 200", f"{STRUCK}, {STEADY}"), of_nginx("b", "413 : -")]
    logged = compared(asked, [of_node("a"), of_node("b")])
    assert (logged.unlogged, logged.strange) == ([], [])


def test_lines_that_were_left_out_or_dropped_are_made_up_for_by_the_line_that_counts_them() -> None:
    asked = [of_nginx(name, "503") for name in "abcd"]
    counted = json.dumps({"event": "log_lines_dropped", "lines": 1})
    assert compared(asked, [of_node("a", left_out=2), counted]).unlogged == []
    assert len(compared(asked, [of_node("a", left_out=1), counted]).unlogged) == 1


def test_a_line_may_go_with_a_killed_worker_of_its_node_and_of_that_moment_alone() -> None:
    gone = compared([of_nginx("a", node=STRUCK)], [], NOON_SECONDS + 0.5)
    assert (gone.unlogged, gone.with_killed_worker) == ([], 1)
    assert compared([of_nginx("a", node=STRUCK)], [], NOON_SECONDS + 20).unlogged
    assert compared([of_nginx("a", node=STEADY)], [], NOON_SECONDS + 0.5).unlogged


def test_growth_is_what_the_last_round_has_more_than_the_second() -> None:
    warming, warm, grown = Reading(50, 10, 5), Reading(100, 30, 9), Reading(106, 47, 18)
    assert warm_and_last([warming, warm], 1) is None
    assert warm_and_last([warming, warm, warm, grown], 1) == (warm, grown)
    assert missed(warm, warm) == []
    assert len(missed(warm, grown)) == 3


def test_memory_is_what_is_no_page_of_a_file() -> None:
    rollup = "Rss: 9000 kB\nPss: 700 kB\nPss_Anon:             400 kB\nPss_File: 290 kB\nPss_Shmem:   10 kB\n"
    assert kilobytes_in(rollup) == 410
