"""The member `time_stamp`: 14 digits, `yyyyMMddHHmmss`, UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

TIME_STAMP_FORMAT: Final = "%Y%m%d%H%M%S"
"""For strftime. To read a time stamp, use `read_time_stamp`."""

_TIME_STAMP = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})")


@lru_cache(maxsize=64)  # the shape and the signature of a request both ask
def read_time_stamp(text: str) -> datetime:
    """An aware time (UTC). ValueError: not a time. strptime is not used: it takes 13 digits, or full-width ones."""
    match = _TIME_STAMP.fullmatch(text)
    if match is None:
        raise ValueError("not 14 digits")
    year, month, day, hour, minute, second = map(int, match.groups())
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
