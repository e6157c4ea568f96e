"""Members that were skipped while reading: logged, counted, and told to a client that may know.

.NET skips them without a word, and the answer stays that; only who runs the service learns of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import quote

log = logging.getLogger(__name__)

HEADER: Final = "X-Data-Contract-Ignored"
MOST: Final = 10

Ignored = Sequence[tuple[str, str]]
"""(name, reason) as in media.Bound; a reason is `kind` or `kind: detail`."""

Count = Callable[[str, str], None]
"""Called with member and kind for each; few values each, so that they can be labels of a metric."""


def note(ignored: Ignored, count: Count) -> None:
    """Log once, count each. A name the contract does not have counts as `other`: clients choose it."""
    log.warning("members ignored: %s", in_words(ignored))
    for name, reason in ignored:
        kind = reason.partition(":")[0]
        count("other" if kind == "unknown" else name, kind)


def in_words(ignored: Ignored) -> str:
    """`name: reason; …` in ASCII, at most ten of them: fit for a log line and for a header."""
    words = [f"{quote(name, safe='')}: {reason}" for name, reason in ignored[:MOST]]
    if len(ignored) > MOST:
        words.append(f"and {len(ignored) - MOST} more")
    return "; ".join(words)
