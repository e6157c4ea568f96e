"""What a page tells of an action, beside what its contracts say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .events import Result
from .settings import Settings


@dataclass(frozen=True, slots=True)
class Text:
    """The same in English and in Chinese."""

    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class PossibleResult:
    """An answer that the action gives: an example of it, what it means, and whether to send the request again."""

    name: str
    result: Result
    meaning: Text
    send_again: Text


@dataclass(frozen=True, slots=True)
class Description:
    """An action in Chinese and English; `sample` is a request with every member.

    `results` gives the answers in the order in which they are judged, in the words that clients read. `clients` are
    files of help/clients/ that send the action.
    """

    zh: str
    en: str
    sample: Any
    results: Callable[[Settings], tuple[PossibleResult, ...]]
    clients: tuple[str, ...] = ()
