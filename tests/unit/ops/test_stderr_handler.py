"""Lines reach stderr, and whoever logs never waits for it and never fails because of it."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from typing import Any

import pytest

from refund_api.ops.line import as_json, make_line
from refund_api.ops.stderr import ONE_WRITE, Stderr
from refund_api.ops.stderr_handler import DROPPED, MOST_WAITING, StderrHandler

PAGES = 4
NEVER_OPEN = 1_000_000_000


@dataclass
class Pipe:
    """A small pipe in place of stderr. `read` gives the lines in it but the one that filled it, and leaves it empty."""

    reader: FileIO
    writer: FileIO

    def fill(self, *, leave: int = 0) -> None:
        self.writer.write(b"x" * (PAGES * ONE_WRITE - leave - 1) + b"\n")

    def read(self) -> list[str]:
        os.set_blocking(self.reader.fileno(), False)
        content = b""
        while piece := self.reader.read(1 << 16):
            content += piece
        return [line for line in content.decode().splitlines() if not line.startswith("x")]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PAGES * ONE_WRITE)
    with FileIO(reader) as reading, FileIO(writer, "w") as writing:
        yield Pipe(reading, writing)


def handler_on(descriptor: int | None) -> StderrHandler:
    return StderrHandler(Stderr(descriptor), as_json)


def record(text: str, *args: object, **more: Any) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": text, "args": args, "levelno": logging.INFO, "name": "n", **more})


def events_of(lines: list[str]) -> list[str]:
    return [json.loads(line)["event"] for line in lines]


@pytest.mark.parametrize("threaded", [True, False])
def test_every_line_is_written_in_its_order_before_the_process_ends(pipe: Pipe, threaded: bool) -> None:
    handler = handler_on(pipe.writer.fileno())
    if threaded:
        handler.start_thread()
    for number in range(30):
        handler.handle(record("%d", number))
    handler.close()
    assert events_of(pipe.read()) == [str(number) for number in range(30)]


def test_nobody_waits_for_a_reader_that_stalls_and_what_is_dropped_is_counted(pipe: Pipe) -> None:
    pipe.fill()
    handler = handler_on(pipe.writer.fileno())
    counted: list[int] = []
    handler.on_drop = counted.append
    handler.start_thread()
    put = MOST_WAITING + 500
    for number in range(put):
        handler.handle(record("%d", number))
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(until_closed(pipe.reader)))
    reader.start()
    handler.close()
    pipe.writer.close()
    reader.join()
    told = [json.loads(line) for line in lines if not line.startswith("x")]
    dropped = sum(line["lines"] for line in told if line["event"] == DROPPED)
    written = [line["event"] for line in told if line["event"] != DROPPED]
    assert dropped >= 400
    assert sum(counted) == dropped
    assert len(written) + dropped == put
    assert written == sorted(written, key=int)


def until_closed(reader: FileIO) -> list[str]:
    return reader.readall().decode().splitlines()


def test_without_a_thread_a_full_pipe_drops_the_line_and_the_next_one_tells(pipe: Pipe) -> None:
    pipe.fill()
    handler = handler_on(pipe.writer.fileno())
    handler.handle(record("first"))
    handler.handle(record("second"))
    assert pipe.read() == []
    handler.handle(record("third"))
    third, dropped = (json.loads(line) for line in pipe.read())
    assert (third["event"], dropped["event"], dropped["level"], dropped["lines"]) == ("third", DROPPED, "warning", 2)
    handler.handle(record("fourth"))
    assert events_of(pipe.read()) == ["fourth"], "it is told once"


def test_a_line_that_was_cut_short_spoils_no_other(pipe: Pipe) -> None:
    pipe.fill(leave=ONE_WRITE)
    stderr = Stderr(pipe.writer.fileno())
    assert stderr.write(b"y" * ONE_WRITE + b"y\n", wait=False) == 1
    assert pipe.read() == ["y" * ONE_WRITE]
    assert stderr.write(b"a\nb\n", wait=False) == 0
    assert pipe.read() == ["", "a", "b"]


@pytest.mark.parametrize("threaded", [True, False])
@pytest.mark.parametrize("kind", ["full disk", "closed", "none", "nobody reads any more"])
def test_a_stderr_that_takes_nothing_hurts_nobody(pipe: Pipe, kind: str, threaded: bool) -> None:
    pipe.reader.close()
    with FileIO("/dev/full", "w") as full:
        descriptors = {"full disk": full.fileno(), "closed": NEVER_OPEN, "none": None}
        handler = handler_on(descriptors.get(kind, pipe.writer.fileno()))
        if threaded:
            handler.start_thread()
        for _ in range(3):
            handler.handle(record("lost"))
        handler.close()


def test_a_record_that_cannot_be_told_is_counted_and_ends_nothing(pipe: Pipe) -> None:
    handler = handler_on(pipe.writer.fileno())
    handler.start_thread()
    handler.handle(record("%d", "no number"))
    handler.put({"event": "a line without a time"})
    handler.put(make_line(0.0, logging.INFO, "strange", {"set": {object()}}))
    handler.handle(record("good"))
    handler.close()
    strange, good, dropped = (json.loads(line) for line in pipe.read())
    assert (strange["event"], good["event"], dropped["lines"]) == ("strange", "good", 2)


def test_in_an_outage_a_line_that_was_held_back_is_written_before_the_process_ends(pipe: Pipe) -> None:
    handler = handler_on(pipe.writer.fileno())
    handler.start_thread()
    for number in range(5):
        handler.put(make_line(0.0, logging.ERROR, "ledger_away", {"request_id": number}))
    handler.close()
    first, last = (json.loads(line) for line in pipe.read())
    assert (first["request_id"], last["request_id"], last["left_out"]) == (0, 4, 3)


FORK = """
import logging, os
from refund_api.ops import logging_setup
logging_setup.configure(logging.INFO)
logging_setup.start_thread()
if os.fork() == 0:
    logging.info("child")
    os._exit(0)
os.wait()
logging.info("parent")
"""


def test_a_child_that_is_forked_writes_by_itself() -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORK]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert sorted(events_of(done.stderr.splitlines())) == ["child", "parent"]


FORK_IN_AN_OUTAGE = """
import logging, os, time
from refund_api.ops import logging_setup, outage_lines
from refund_api.ops.line import make_line
logging_setup.configure(logging.INFO)
logging_setup.start_thread()
for number in (1, 2):
    logging_setup.installed.put(make_line(time.time(), logging.ERROR, outage_lines.AWAY, {"number": number}))
time.sleep(0.5)  # the thread has written the first line and holds the second back
if os.fork() == 0:
    time.sleep(outage_lines.PAUSE)
    logging.info("child")
    os._exit(0)
os.wait()
"""


def test_a_child_that_is_forked_leaves_the_line_that_is_held_back_to_its_parent() -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORK_IN_AN_OUTAGE]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert sorted(events_of(done.stderr.splitlines())) == ["child", "ledger_away", "ledger_away"]


def test_text_that_could_end_a_line_or_move_a_cursor_is_escaped(pipe: Pipe) -> None:
    handler = handler_on(pipe.writer.fileno())
    handler.handle(record("a\nb\x1b[31m\x85\u2028\u202e\ud800é\0"))
    (line,) = pipe.read()
    assert line.isascii() and line.isprintable()
    assert json.loads(line)["event"] == "a\nb\x1b[31m\x85\u2028\u202e\ud800é\0"


def test_a_text_without_an_end_is_cut_and_the_line_fits_into_a_pipe(pipe: Pipe) -> None:
    handler = handler_on(pipe.writer.fileno())
    handler.handle(record("%s", "long " * 10_000))
    (line,) = pipe.read()
    assert len(line) < ONE_WRITE
