"""A WSGI target for tests: the service, whose worker is told to collect its garbage and says what memory that took."""

from __future__ import annotations

import gc
import re
from pathlib import Path
from typing import Any

from app import create_app
from refund_api.settings.served import serving_settings

PATH = "/collect"


def make_app() -> Any:
    """gunicorn's target: it calls this in a worker."""
    service = create_app(serving_settings())

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] != PATH:
            return service(environ, start_response)
        before = private_kilobytes()
        gc.collect()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(private_kilobytes() - before).encode()]

    return app


def private_kilobytes() -> int:
    """What this process has written to, and so shares with no other."""
    match = re.search(r"^Private_Dirty:\s+(\d+) kB", Path("/proc/self/smaps_rollup").read_text("ascii"), re.M)
    assert match is not None
    return int(match[1])
