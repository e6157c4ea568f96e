"""`value_class`: a dataclass whose instances nobody may change, for the values that each request makes.

`dataclass(frozen=True)` refuses a change while the program runs, and for that each field is set through a call of its
own. A request makes some fifty such fields, which took 8 of its 200 microseconds (docs/performance.md, 1). Here mypy
alone refuses the change, before the program runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as value_class
else:

    def value_class(*, frozen: bool, slots: bool, kw_only: bool = False) -> Any:
        """The decorator, to be called with `frozen=True, slots=True`. Values that are equal have the same hash."""
        return dataclass(unsafe_hash=frozen, slots=slots, kw_only=kw_only)


__all__ = ["value_class"]
