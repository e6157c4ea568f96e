"""What befalls a database while clients go on asking. Every fault is a context manager, and over when it ends.

Only processes that the program has started are stopped, each by its id.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from tests.replication import Node, children_of
from tests.servers import ROOT

_HOLD_FILE_LOCK = """
import sys, time
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.transaction import run_writing

def hold(connection):
    print("held", flush=True)
    time.sleep(600)

run_writing(make_engine(sys.argv[1], threads=1), hold)
"""


@contextmanager
def stopped(node: Node) -> Iterator[None]:
    """A fast shutdown; at the end it accepts connections again."""
    node.stop()
    try:
        yield
    finally:
        node.start()


@contextmanager
def frozen(node: Node) -> Iterator[None]:
    """SIGSTOP to all its processes: the kernel still accepts connections, and nobody answers."""
    assert node.process is not None
    pids = [node.process.pid, *children_of(node.process.pid)]
    _signal_all(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal_all(reversed(pids), signal.SIGCONT)


@contextmanager
def process_frozen(pid: int) -> Iterator[None]:
    """SIGSTOP to one process, as when its machine has no time for it."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal_all([pid], signal.SIGCONT)


@contextmanager
def order_locked(url: str, order_number: str) -> Iterator[None]:
    """Another client of the database holds the row of an order."""
    with psycopg.connect(url) as connection:
        connection.execute("SELECT 1 FROM orders WHERE order_number = %s FOR UPDATE", [order_number])
        yield


@contextmanager
def table_locked(url: str) -> Iterator[None]:
    """Another client of the database holds a table that every refund is written to; reading goes on."""
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE refund IN EXCLUSIVE MODE")
        yield


@contextmanager
def file_lock_held(url: str) -> Iterator[None]:
    """A process was stopped in the middle of a transaction on a SQLite file, with its file lock; killed at the end."""
    command = [sys.executable, "-c", _HOLD_FILE_LOCK, url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None and holder.stdout.readline() == "held\n"
            holder.send_signal(signal.SIGSTOP)
            yield
        finally:
            holder.kill()


def _signal_all(pids: Iterator[int] | list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


class Door:
    """A Unix socket in front of a server, through which the service goes; it may fall silent.

    A silent door accepts connections and answers nothing, on old ones too. When it speaks again those are closed.
    """

    def __init__(self, node: Node, directory: Path) -> None:
        self.url = f"postgresql://postgres@/postgres?host={directory}"
        self._path = directory / ".s.PGSQL.5432"
        self._behind = node.sockets / f".s.PGSQL.{node.port}"
        self._is_silent = False
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="door")

    def open(self) -> None:
        self._thread.start()
        serving = asyncio.start_unix_server(self._serve, self._path)
        self._server = asyncio.run_coroutine_threadsafe(serving, self._loop).result()

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        serving = asyncio.all_tasks() - {asyncio.current_task()}
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    @contextmanager
    def silent(self) -> Iterator[None]:
        self._is_silent = True
        try:
            yield
        finally:
            self._is_silent = False
            asyncio.run_coroutine_threadsafe(self._close_all(), self._loop).result()

    async def _close_all(self) -> None:
        for writer in self._open:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if self._is_silent:
                while await reader.read(4096):
                    pass
            else:
                behind, to_behind = await asyncio.open_unix_connection(self._behind)
                await asyncio.gather(self._pass_on(reader, to_behind), self._pass_on(behind, writer))
        except (OSError, asyncio.CancelledError):
            pass  # one of the two is gone, or the door is closed
        finally:
            self._open.discard(writer)
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while content := await reader.read(65536):
                if not self._is_silent:
                    writer.write(content)
                    await writer.drain()
        finally:
            writer.close()


@contextmanager
def door_to(node: Node, directory: Path) -> Iterator[Door]:
    """A door that stands open, in a directory of its own."""
    door = Door(node, directory)
    door.open()
    try:
        yield door
    finally:
        door.close()
