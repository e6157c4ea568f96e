"""The member `time_stamp`: 14 ASCII digits of a real UTC time and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from refund_api.signing.time_stamp import TIME_STAMP_FORMAT, read_time_stamp


def test_a_time_stamp_is_utc_and_reads_back_as_it_was_written() -> None:
    time = datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC)
    assert read_time_stamp(time.strftime(TIME_STAMP_FORMAT)) == time


@pytest.mark.parametrize(
    "text", ["", "2026112308102", "202611230810222", "20260230000000", "２0261123081022", " 2026112308102"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - datetime words some of them
        read_time_stamp(text)
