"""How gunicorn serves the application: the hooks that gunicorn.conf.py names."""

from __future__ import annotations

from typing import Any


def pre_request(worker: Any, request: Any) -> None:
    """gunicorn's hook: whoever holds the body of a request (`wsgi.input`) can end the connection with its answer.

    gunicorn drops a `Connection: close` of an application. Who needs it: http/refused_body.py.
    """
    worker.log.debug("%s %s", request.method, request.path)  # what gunicorn's own hook does
    request.body.end_connection = request.force_close
