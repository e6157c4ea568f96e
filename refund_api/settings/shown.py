"""The settings as `refund-api settings` shows them: each with its value, without secrets, and where that comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from . import VARIABLES, Settings
from .declare import Variable
from .environment import find


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """One setting. `value` is as it stands in the environment, None when there is none; `file` where it was read."""

    name: str
    value: str | None
    source: Literal["default", "environment", "file"]
    file: Path | None


def shown_settings(environ: Mapping[str, str]) -> Iterator[ShownSetting]:
    """Every setting, in the order of the declaration. SettingsError: they cannot be used."""
    settings = Settings.from_environ(environ)
    for attribute, variable in VARIABLES.items():
        value = _text(variable, getattr(settings, attribute))
        given = find(environ, variable)
        if given is None:
            yield ShownSetting(variable.name, value, "default", None)
        else:
            yield ShownSetting(variable.name, value, "file" if given.file else "environment", given.file)


def _text(variable: Variable, value: Any) -> str | None:
    if value is None:
        return None
    text = variable.kind.write(value)
    return variable.mask(text) if variable.mask else text
