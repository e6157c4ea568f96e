"""A value that is made once, by the first call that needs it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """The first call makes the value; calls meanwhile wait for it. After an exception, the next call tries again."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: tuple[T, ...] = ()

    def __call__(self) -> T:
        if not self._made:
            with self._lock:
                if not self._made:
                    self._made = (self._make(),)
        return self._made[0]
