"""How gunicorn runs the service; gunicorn finds this file by itself in the working directory.

The settings are read here first: if one is wrong, a line on the terminal says so before anything listens. On SIGHUP
gunicorn runs this file again, so that settings and key ring are read anew. The application is imported here and not
made: workers find its modules in memory, and a reload does not have to wait for imports. So new code needs a restart.
"""

import os
import sys
from pathlib import Path
from typing import Any

import app as app  # no worker has to import it again
from refund_api.serving import post_worker_init as post_worker_init
from refund_api.serving import pre_request as pre_request
from refund_api.serving import when_ready as when_ready
from refund_api.settings import Settings, SettingsError, read_serving_settings
from refund_api.storage.engines.urls import make_engine


def refuse_unusable_url(settings: Settings) -> None:
    """SettingsError: a database URL that no worker could use. Nothing is opened."""
    try:
        make_engine(settings.database_url, threads=settings.threads)
    except ValueError as error:
        raise SettingsError(f"REFUND_API_DATABASE_URL: {error}") from None


try:
    settings = read_serving_settings(refuse_unusable_url)
except SettingsError as error:
    sys.exit(str(error))

if not os.environ.get("PORT"):  # with PORT, gunicorn's default is 0.0.0.0
    bind = "127.0.0.1:8000"  # `--bind` goes first
worker_class = "gthread"
workers = max(1, int(os.environ.get("WEB_CONCURRENCY") or os.cpu_count() or 1))
threads = settings.threads
preload_app = False  # each worker makes its application itself: no database handle may cross a fork

timeout = 30
graceful_timeout = 25  # SIGTERM: requests in flight finish within this, then exit 0
keepalive = 75  # longer than nginx keeps its side (60 s), so that nginx never writes into a closed connection

worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # the heartbeat must not wait for a disk
control_socket_disable = True  # since 25.1 gunicorn opens one in the home directory
permit_unconventional_http_method = True  # the action answers any method, with 405
# gunicorn reads in the square of what is sent: 100 full lines take 78 ms, 50 take 21. Browsers send about 20.
limit_request_line = 4094
limit_request_fields = 50
limit_request_field_size = 8190
forwarder_headers = ""  # by default a header of the client may set SCRIPT_NAME and PATH_INFO

logger_class = "refund_api.ops.gunicorn_log.GunicornLog"
loglevel = settings.log_level


def on_starting(server: Any) -> None:
    """Log which keys are active from now on, in all workers."""
    server.log.info("active keys: %s", ", ".join(settings.active_kids()))


on_reload = on_starting
