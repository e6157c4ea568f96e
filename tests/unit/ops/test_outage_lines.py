"""In an outage there is a line a second, and the count stays right."""

from __future__ import annotations

from refund_api.ops.line import Line
from refund_api.ops.outage_lines import OutageLines


def away(number: int = 0) -> Line:
    return {"event": "ledger_away", "request_id": number}


def test_the_first_line_is_written_at_once_and_then_the_last_one_of_each_second() -> None:
    lines = OutageLines()
    written = [line for line in [away(1)] if lines.admit(line, 100.0)]
    for number in range(2, 52):
        assert not lines.admit(away(number), 100.5)
        assert lines.due(100.9) == []
    written += lines.due(101.0)
    assert [line["request_id"] for line in written] == [1, 51]
    assert sum(1 + line.get("left_out", 0) for line in written) == 51
    assert not lines.holds


def test_the_next_second_begins_with_the_line_that_was_held_back() -> None:
    lines = OutageLines()
    assert lines.admit(away(), 0.0)
    assert not lines.admit(away(), 0.2)
    assert lines.due(1.5) == [away()]
    assert not lines.admit(away(), 2.4)
    assert lines.holds
    assert lines.due(2.5) == [away()]


def test_an_outage_that_is_over_is_told_to_its_end_and_the_next_one_at_once() -> None:
    lines = OutageLines()
    lines.admit(away(), 0.0)
    lines.admit(away(1), 0.1)
    lines.admit(away(2), 0.2)
    assert lines.admit({"event": "refund_recorded"}, 0.3)
    assert lines.due(60.0) == [{**away(2), "left_out": 1}]
    assert lines.due(120.0) == []
    assert lines.admit(away(), 120.0)
