"""A log record as a line, for machines and for somebody at a terminal."""

from __future__ import annotations

import json
import logging
import os
import sys

from refund_api.ops.line import as_json, as_text, line_of, make_line


def record_of_error() -> logging.LogRecord:
    try:
        raise ValueError("geheim")
    except ValueError:
        return logging.LogRecord("n", logging.ERROR, "", 0, "it %s", ("failed",), sys.exc_info())


def test_a_record_becomes_one_json_object_with_its_exception_in_the_same_line() -> None:
    text = as_json(line_of(record_of_error()))
    assert "\n" not in text
    line = json.loads(text)
    assert list(line) == ["timestamp", "level", "event", "pid", "logger", "exception"]
    assert (line["level"], line["event"], line["pid"], line["logger"]) == ("error", "it failed", os.getpid(), "n")
    place, name = line["exception"].splitlines()
    assert "test_line.py" in place and name == "ValueError"


def test_times_are_utc_with_milliseconds() -> None:
    line = as_json(make_line(1795804799.9996, logging.INFO, "x", {}))
    assert json.loads(line)["timestamp"] == "2026-11-27T18:39:59.999Z"
    assert json.loads(as_json(make_line(1795804800.0, 10, "x", {})))["timestamp"] == "2026-11-27T18:40:00.000Z"


def test_on_a_terminal_a_line_is_text_in_which_a_client_cannot_move_the_cursor() -> None:
    text = as_text(make_line(0.0, logging.WARNING, "refused", {"order": "\x1b[2J\n\u202e", "code": 2001}))
    assert "refused" in text and "warning" in text and "2001" in text
    assert "\x1b[2J" not in text and "\n" not in text and "\u202e" not in text


def test_an_exception_among_the_arguments_or_in_place_of_the_text_is_not_quoted() -> None:
    for message, args in (("refused: %s", (ValueError("geheim"),)), (ValueError("geheim"), ())):
        record = logging.LogRecord("n", logging.INFO, "", 0, message, args, None)
        event = line_of(record)["event"]
        assert "geheim" not in event and event.endswith("ValueError")


def test_a_level_of_somebody_else_is_told_by_its_number() -> None:
    assert make_line(0.0, 25, "x", {})["level"] == "25"
