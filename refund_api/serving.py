"""How gunicorn serves the application: the hooks that gunicorn.conf.py names."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

from .ops import logging_setup


def pre_request(worker: Any, request: Any) -> None:
    """gunicorn's hook: whoever holds the body of a request (`wsgi.input`) can end the connection with its answer.

    gunicorn drops a `Connection: close` of an application. Who needs it: http/refused_body.py.
    """
    worker.log.debug("%s %s", request.method, request.path)  # what gunicorn's own hook does
    request.body.end_connection = request.force_close


def post_worker_init(worker: Any) -> None:
    """gunicorn's hook: from here on a reader of stderr that stalls keeps no answer waiting."""
    logging_setup.start_thread()


def when_ready(server: Any) -> None:
    """gunicorn's hook: one warning when clients can reach gunicorn itself, going by the addresses really bound."""
    exposed = _beyond_this_machine(listener.getsockname() for listener in server.LISTENERS)
    if exposed:
        server.log.warning(
            "listening on %s, beyond this machine: without a proxy that buffers requests, a few slow clients stop "
            "the service (README.md, To serve)",
            ", ".join(exposed),
        )


def _beyond_this_machine(names: Iterable[Any]) -> list[str]:
    """Of the names of sockets those that are neither loopback nor a Unix socket, as `host:port`."""
    addresses = [(ipaddress.ip_address(name[0]), name[1]) for name in names if isinstance(name, tuple)]
    return [
        f"[{host}]:{port}" if host.version == 6 else f"{host}:{port}"
        for host, port in addresses
        if not host.is_loopback
    ]
