"""What is told of members that were skipped while reading."""

from __future__ import annotations

from collections import Counter

import pytest

from refund_api.http.ignored import in_words, note


def test_each_is_counted_and_a_name_the_client_chose_counts_as_other(caplog: pytest.LogCaptureFixture) -> None:
    counted: Counter[tuple[str, str]] = Counter()
    ignored = (("random", "out of order: must come before sign"), ("kiosk", "unknown"), ("till", "unknown"))
    note(ignored, lambda member, kind: counted.update([(member, kind)]))
    assert counted == {("random", "out of order"): 1, ("other", "unknown"): 2}
    assert caplog.messages == [
        "members ignored: random: out of order: must come before sign; kiosk: unknown; till: unknown"
    ]


def test_names_are_written_in_ascii_and_long_lists_are_cut() -> None:
    assert in_words([("é\u202e\n", "unknown")]) == "%C3%A9%E2%80%AE%0A: unknown"
    assert in_words([("a", "unknown")] * 12).endswith("; and 2 more")
