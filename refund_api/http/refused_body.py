"""A body that is refused is read to its end before the answer goes out, or the answer says that the connection closes.

What is left unread hurts somebody else. gunicorn answers with keep-alive, finds more than 64 KiB unread, and closes; a
proxy that keeps its connections has given this one to another client by then, who gets a 502. So the rest of a refused
body is read and thrown away, within a bound of bytes and of seconds. Past a bound the connection has to end, and the
answer has to say so: `end_connection` of the body does that (serving/), since gunicorn drops a Connection header.

The seconds need a timer. A client that sends one byte now and then keeps one read waiting, and the timeout of a socket
begins anew with each byte. The timer shuts the receiving side of the connection, which ends that read.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, Final

MAX_DRAINED: Final = 4 * 1024 * 1024
"""Bytes."""
DRAIN_SECONDS: Final = 2.0

_STEP: Final = 65536


def drain(environ: Mapping[str, Any], seconds: float = DRAIN_SECONDS) -> None:
    """Read the rest of the body; where that takes too much, or fails, end the connection with the answer."""
    if not environ.get("wsgi.input_terminated") or not _has_body(environ):
        return
    stream = environ["wsgi.input"]
    deadline = time.monotonic() + seconds
    with _receiving_for(seconds, environ.get("gunicorn.socket")):
        at_end = _read_to_end(stream, deadline)
    # The clock is asked again: the timer may have ended the read, which then looks like the end of the body.
    if not at_end or time.monotonic() >= deadline:
        getattr(stream, "end_connection", _nothing)()


def _has_body(environ: Mapping[str, Any]) -> bool:
    return environ.get("CONTENT_LENGTH", "0") not in ("", "0") or "HTTP_TRANSFER_ENCODING" in environ


def _read_to_end(stream: BinaryIO, deadline: float) -> bool:
    try:
        for _ in range(MAX_DRAINED // _STEP):
            if not stream.read(_STEP):
                return True
            if time.monotonic() >= deadline:
                return False
    except Exception:  # every server has its own for a framing it cannot read
        return False
    return False


@contextmanager
def _receiving_for(seconds: float, connection: socket.socket | None) -> Iterator[None]:
    """Within this, a read that waits for the client ends after so many seconds; servers without a socket wait on."""
    if connection is None:
        yield
        return
    timer = threading.Timer(seconds, _stop_receiving, (connection,))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _stop_receiving(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the client has gone
        connection.shutdown(socket.SHUT_RD)


def _nothing() -> None:
    """For servers that close what they have to by themselves."""
