"""A log record as a line: first as a dictionary, then as one JSON object, or as text for somebody at a terminal.

Every line has `timestamp`, `level`, `event` and `pid`; one that is not about an answer has `logger`, and one about an
exception `exception`. JSON is in ASCII, so no text of a client can end a line or move a cursor.
"""

from __future__ import annotations

import json
import logging
import os
import time
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

from . import told_errors

if TYPE_CHECKING:
    from structlog.dev import ConsoleRenderer

LONGEST_TEXT: Final = 1500
"""Characters of a text; what is behind them is cut off. A line should fit into what a pipe takes whole."""

Line = dict[str, Any]

_LEVELS: Final = {level: logging.getLevelName(level).lower() for level in (10, 20, 30, 40, 50)}
_encode = json.JSONEncoder(separators=(",", ":"), default=repr).encode


def make_line(seconds: float, level: int, event: str, fields: dict[str, Any]) -> Line:
    """`seconds` since 1970, and a level of `logging`."""
    return {
        "timestamp": seconds,
        "level": _LEVELS.get(level) or str(level),
        "event": event,
        "pid": os.getpid(),
    } | fields


def line_of(record: logging.LogRecord) -> Line:
    """The record as a dictionary, without anything that belongs to the request any more."""
    fields = getattr(record, "fields", None)
    if fields is None:
        line = make_line(record.created, record.levelno, _message(record)[:LONGEST_TEXT], {"logger": record.name})
    else:
        line = make_line(record.created, record.levelno, record.msg, fields)
    if record.exc_info and record.exc_info[1] is not None:
        line["exception"] = told_errors.trace_of(record.exc_info[1])[-LONGEST_TEXT:]
    return line


def as_json(line: Line) -> str:
    """The line without its line feed. Changes `timestamp` from seconds into text."""
    line["timestamp"] = _time(line["timestamp"])
    return _encode(line)


def as_text(line: Line) -> str:
    """The line in colours; an exception takes some more. Takes `line` to pieces."""
    line["timestamp"] = _time(line["timestamp"])
    return str(_renderer()(None, "", line))


@cache
def _renderer() -> ConsoleRenderer:
    """Imported for a terminal alone: a service that writes JSON starts without it."""
    from structlog.dev import ConsoleRenderer

    return ConsoleRenderer(repr_native_str=True, sort_keys=False, pad_event_to=20)


def _time(seconds: float) -> str:
    """ISO 8601 in UTC, with milliseconds."""
    return f"{_whole_seconds(int(seconds))}.{int(seconds % 1 * 1000):03}Z"


@lru_cache(maxsize=2)
def _whole_seconds(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _message(record: logging.LogRecord) -> str:
    """The text with its arguments; an exception among them is told as everywhere."""
    if isinstance(record.msg, BaseException):
        return told_errors.in_words(record.msg)
    if not record.args or not isinstance(record.args, tuple):
        return record.getMessage()
    return str(record.msg) % tuple(
        told_errors.in_words(argument) if isinstance(argument, BaseException) else argument for argument in record.args
    )
