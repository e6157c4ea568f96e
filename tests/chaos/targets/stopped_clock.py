"""A WSGI target for a gunicorn of any version of the project: the service with its clock stopped at STOPPED_AT.

It is no part of the package `tests`, whose name an earlier version has for its own tests.
"""

from __future__ import annotations

import inspect
import os
from datetime import datetime

import app as composition_root
from refund_api.settings import Settings

NOW = datetime.fromisoformat(os.environ["STOPPED_AT"])


def stopped() -> datetime:
    return NOW


settings = Settings.from_environ().for_serving()
if "clock" in inspect.signature(composition_root.create_app).parameters:
    app = composition_root.create_app(settings, clock=stopped)
else:  # the first house gave the clock to the handler
    handler = vars(composition_root)["make_handler"](settings, clock=stopped)
    app = composition_root.create_app(settings, handler=handler)
