"""How gunicorn runs the service; gunicorn finds this file by itself in the working directory.

Settings are read here first: a wrong one is a line on the terminal, before anything listens.
The address comes from `--bind` or PORT, as gunicorn has it.
"""

import os
import sys
from pathlib import Path

from gunicorn.arbiter import Arbiter

from refund_api.settings import Settings, SettingsError

try:
    settings = Settings.from_environ()
except SettingsError as error:
    sys.exit(str(error))

worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY") or os.cpu_count() or 1)
threads = settings.threads
preload_app = False  # no database handle may cross a fork

timeout = 30
graceful_timeout = 25  # SIGTERM: requests in flight finish within this, then exit 0
keepalive = 75  # longer than nginx keeps its side (60 s), so that nginx never writes into a closed connection

loglevel = settings.log_level.lower()
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # the heartbeat must not wait for a disk
control_socket_disable = True  # since 25.1 gunicorn opens one in the home directory
permit_unconventional_http_method = True  # the action answers any method, with 405


def on_starting(server: Arbiter) -> None:
    """What wsgi.py would refuse in every worker is refused here once; other targets need no key."""
    if server.app.app_uri == "wsgi:app":
        try:
            settings.for_serving()
        except SettingsError as error:
            sys.exit(str(error))
