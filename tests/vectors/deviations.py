"""The vectors that docs/deviations.md lists by id: on purpose, the service answers them otherwise than recorded."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_PAGE: Final = Path(__file__).parents[2] / "docs" / "deviations.md"
_ID: Final = re.compile(r"`([a-z0-9]+\.[a-z]+\.[0-9.]+)`")

LISTED: Final = frozenset(_ID.findall(_PAGE.read_text(encoding="utf-8")))
