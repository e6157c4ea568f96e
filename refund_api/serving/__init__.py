"""How gunicorn serves the application: its whole configuration, and the hooks in it.

`refund-api serve` gives it to gunicorn, and so does gunicorn.conf.py in a checkout. Options of gunicorn's command line
go before it. On SIGHUP gunicorn asks for it again, so that settings and key ring are read anew.
"""

from __future__ import annotations

import gc
import ipaddress
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from ..ops import event_queue, logging_setup
from ..ops.gunicorn_log import GunicornLog
from ..settings import Settings, SettingsError
from ..settings.served import are_read, read_serving_settings, serving_settings
from ..storage.engines.urls import make_engine
from ..storage.gate import threads_for
from .connections import tell_connections
from .orphans import end_with_master
from .workers import child_exit, end_in_order, make_metrics_directory, on_exit, remember

_NOT_OURS: Final = (
    "gunicorn has not read the configuration of this service, and would serve it wrongly: one slow client would block "
    "all others, and a header could move the path.\n"
    "Start it with: refund-api serve (it takes gunicorn's options)\n"
    "or in a checkout with: gunicorn -c gunicorn.conf.py wsgi:app"
)


def configuration() -> dict[str, Any]:
    """gunicorn's settings by name; those of the service are read anew. SettingsError: no start with these."""
    settings = read_serving_settings(_refuse_unusable_url)
    return {
        "bind": f"0.0.0.0:{settings.port}" if settings.port else "127.0.0.1:8000",
        "worker_class": "gthread",
        "workers": settings.worker_count,
        "threads": threads_for(settings.threads),  # gunicorn makes them when they are needed
        "preload_app": False,  # each worker makes its application itself: no database handle may cross a fork
        "timeout": 30,
        "graceful_timeout": 25,  # SIGTERM: requests in flight finish within this, then exit 0
        "keepalive": 75,  # longer than nginx keeps its side (60 s), which so never writes into a closed connection
        "worker_tmp_dir": "/dev/shm" if Path("/dev/shm").is_dir() else None,  # the heartbeat must not wait for a disk
        "control_socket_disable": True,  # since 25.1 gunicorn opens one in the home directory
        "permit_unconventional_http_method": True,  # the action answers any method, with 405
        # gunicorn reads in the square of what is sent: 100 full lines take 78 ms, 50 take 21. Browsers send about 20.
        "limit_request_line": 4094,
        "limit_request_fields": 50,
        "limit_request_field_size": 8190,
        "forwarder_headers": "",  # by default a header of the client may set SCRIPT_NAME and PATH_INFO
        "secure_scheme_headers": {},  # by default one of any local client may set the scheme; see http/proxies.py
        "logger_class": GunicornLog,
        "loglevel": settings.log_level,
        "on_starting": on_starting,
        "on_reload": on_reload,
        "when_ready": when_ready,
        "post_worker_init": post_worker_init,
        "pre_request": pre_request,
        "child_exit": child_exit,
        "on_exit": on_exit,
    }


def settings_to_serve() -> Settings:
    """The settings that gunicorn's master has read; under another WSGI server, those of the environment.

    AppImportError, which gunicorn prints before it ends: there is a gunicorn, and it has not asked for configuration().
    """
    if "gunicorn.arbiter" in sys.modules and not are_read():
        from gunicorn.errors import AppImportError

        raise AppImportError(_NOT_OURS)
    return serving_settings()


def _refuse_unusable_url(settings: Settings) -> None:
    """SettingsError: a database URL that no worker could use. Nothing is opened."""
    try:
        make_engine(settings.database_url, threads=settings.threads)
    except ValueError as error:
        raise SettingsError(f"REFUND_API_DATABASE_URL: {error}") from None


def on_starting(server: Any) -> None:
    """gunicorn's hook, before the first fork: make the directory of the metrics, and log which keys are active."""
    make_metrics_directory(server)
    on_reload(server)
    # A worker shares the memory of the master until either writes to it. A full garbage collection writes to every
    # object that it looks at, and would take each worker 20 MB more, once, hours or minutes after its start. It does
    # not look at objects that were frozen before the fork.
    gc.freeze()


def on_reload(server: Any) -> None:
    """gunicorn's hook: log which keys are active from now on, in all workers."""
    server.log.info("active keys: %s", ", ".join(serving_settings().active_kids()))


def when_ready(server: Any) -> None:
    """gunicorn's hook: one warning when clients can reach gunicorn itself, going by the addresses really bound."""
    exposed = _beyond_this_machine(listener.getsockname() for listener in server.LISTENERS)
    if exposed:
        server.log.warning(
            "listening on %s, beyond this machine: without a proxy that buffers requests, a few slow clients stop "
            "the service (docs/operations.md, Behind a proxy)",
            ", ".join(exposed),
        )


def post_worker_init(worker: Any) -> None:
    """gunicorn's hook, in a worker that is about to serve. The first one logs how much is served, and where."""
    remember(worker)
    logging_setup.start_thread()
    event_queue.start_threads()
    end_in_order(worker)
    end_with_master(worker.ppid)
    if worker.age == 1:
        worker.log.info("ready: %s", ", ".join(str(socket) for socket in worker.sockets))
        tell_connections(worker.cfg.workers, worker.cfg.threads, serving_settings())


def pre_request(worker: Any, request: Any) -> None:
    """gunicorn's hook: whoever holds the body of a request (`wsgi.input`) can end the connection with its answer.

    gunicorn drops a `Connection: close` of an application. Who needs it: http/refused_body.py.
    """
    worker.log.debug("%s %s", request.method, request.path)  # what gunicorn's own hook does
    request.body.end_connection = request.force_close


def _beyond_this_machine(names: Iterable[Any]) -> list[str]:
    """Of the names of sockets those that are neither loopback nor a Unix socket, as `host:port`."""
    addresses = [(ipaddress.ip_address(name[0]), name[1]) for name in names if isinstance(name, tuple)]
    return [
        f"[{host}]:{port}" if host.version == 6 else f"{host}:{port}"
        for host, port in addresses
        if not host.is_loopback
    ]
