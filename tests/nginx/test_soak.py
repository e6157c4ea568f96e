"""The short form of `make soak`: each of its faults once. It counts; growth needs the ten minutes."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.soak.run import run


def test_mixed_traffic_goes_on_through_every_fault_and_each_answer_has_its_line(tmp_path: Path) -> None:
    figures, found = run(10, tmp_path / "soak")
    assert {kind: sentences for kind, sentences in found.items() if sentences} == {}
    assert figures["faults"] >= 5
    assert figures["refunds"] > 0
    assert figures["log lines"] >= figures["answers of the nodes to nginx"] / 2
