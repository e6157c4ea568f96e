"""What a log line tells of an exception: its class, its places in the program, and facts that cannot be a client's.

The text of an exception may quote a request: `invalid literal for int(): '…'`, or the row that a database refused. So
it is left out, but for classes whose texts are made of names in the program, or are written for operators.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Final

from ..settings import SettingsError

MOST_FRAMES: Final = 12
_INNERMOST: Final = 3
MOST_ERRORS: Final = 4
_LIBRARIES: Final = "/site-packages/"

_WITH_TEXT: Final = frozenset({ImportError, ModuleNotFoundError, NameError, AttributeError, SettingsError})

_FACTS: Final = ("sqlstate", "sqlite_errorname", "errno", "strerror")
_DIAGNOSTICS: Final = ("constraint_name", "table_name", "column_name")


def in_words(error: BaseException) -> str:
    """Its text where that may be told, else its class and the facts of it that may."""
    if type(error) in _WITH_TEXT:
        return str(error)
    diagnostics = getattr(error, "diag", None)
    facts = [(name, getattr(error, name, None)) for name in _FACTS]
    facts += [(name, getattr(diagnostics, name, None)) for name in _DIAGNOSTICS]
    told = ", ".join(f"{name} {value}" for name, value in facts if value is not None)
    return f"{_class_of(error)} ({told})" if told else _class_of(error)


def trace_of(error: BaseException) -> str:
    """The exception and its causes, the first cause first: the places of each, outermost first, then what it was."""
    chain = list(_causes(error))[:MOST_ERRORS]
    return "\n".join(line for each in reversed(chain) for line in _lines(each))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception, then what it was raised from, as Python's own traceback takes it."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _lines(error: BaseException) -> Iterator[str]:
    """The places in our own code, and the innermost ones wherever they are, lest a line grow too long for a pipe."""
    frames = traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), lookup_lines=False)
    ours = [frame for frame in frames[:-_INNERMOST] if _LIBRARIES not in frame.filename]
    for frame in [*ours, *frames[-_INNERMOST:]][-MOST_FRAMES:]:
        yield f"  {'/'.join(frame.filename.split('/')[-3:])}:{frame.lineno} in {frame.name}"
    words = in_words(error)
    yield words if words.startswith(_class_of(error)) else f"{_class_of(error)}: {words}"


def _class_of(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
