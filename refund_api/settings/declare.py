"""How a setting is declared: one field of Settings with `setting(…)` says all there is to say about it.

Reading the environment, the command `refund-api settings`, .env.example and the table in docs/operations.md are made
from these declarations. So a new setting is one field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")

PREFIX: Final = "REFUND_API_"
_METADATA: Final = "variable"


class SettingsError(Exception):
    """The settings cannot be used; the text has one line a problem and says what to do."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """What values a setting takes, `words` for an operator.

    `read` makes the value of the text in the environment; ValueError: what is wrong, to go behind the name.
    `write` makes the text of a value again.
    """

    read: Callable[[str], T]
    write: Callable[[T], str]
    words: str


@dataclass(frozen=True, slots=True)
class Variable:
    """A name of the environment, and what it sets.

    `default_words` says what holds without it, where no value can say that. `mask` hides what is secret in a value;
    a secret may also be read from the file that `<name>_FILE` names.
    """

    name: str
    default: Any
    kind: Kind[Any]
    meaning: str
    default_words: str
    mask: Callable[[str], str] | None

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that sets it."""
        return (self.name,) if self.mask is None else (self.name, self.file_name)

    @property
    def file_name(self) -> str:
        """The name that has the path of a file in the place of the value."""
        return f"{self.name}_FILE"


def setting(
    default: T,
    kind: Kind[Any],
    meaning: str,
    *,
    name: str | None = None,
    default_words: str = "",
    mask: Callable[[str], str] | None = None,
) -> T:
    """A field of Settings. Its name in the environment is REFUND_API_ and the field's name, unless `name` is given."""
    declared = Variable(name or "", default, kind, meaning, default_words, mask)
    made: T = field(default=default, repr=mask is None, metadata={_METADATA: declared})
    return made


def variables_of(settings: type) -> dict[str, Variable]:
    """The attributes of Settings that an operator can set, each with its variable."""
    declared = {each.name: each.metadata.get(_METADATA) for each in fields(settings)}
    return {attribute: _named(variable, attribute) for attribute, variable in declared.items() if variable}


def _named(declared: Variable, attribute: str) -> Variable:
    return replace(declared, name=declared.name or PREFIX + attribute.upper())


def number(low: int, high: int) -> Kind[int]:
    """A whole number from `low` to `high`, in ASCII digits."""
    words = f"a whole number from {low} to {high}"

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text[:10]) <= high):
            raise ValueError(f"must be {words}, not {text!r}")
        return int(text)

    return Kind(read, str, words)


def one_of(values: Mapping[str, T]) -> Kind[T]:
    """One of these words, in any case, for the value beside it."""
    words = " or ".join(values)

    def read(text: str) -> T:
        if text.lower() not in values:
            raise ValueError(f"must be {words}, not {text!r}")
        return values[text.lower()]

    def write(value: T) -> str:
        return next(word for word, meant in values.items() if meant == value)

    return Kind(read, write, words)
