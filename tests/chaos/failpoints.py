"""A WSGI target for tests: the service, whose worker kills itself at a chosen point of a request.

`X-Failpoint: 7` means at the seventh point. The file CHAOS_POINTS gets the name of every point passed, a line
each, the one of the kill included. All is hung on from outside: SQLAlchemy's events and this wrapper.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Pool, event

from app import create_app
from refund_api.settings import Settings

_NAME_LENGTH = 60
_points = Path(os.environ["CHAOS_POINTS"])
_request = threading.local()
_service = create_app(Settings.from_environ().for_serving())


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    _request.chosen, _request.passed, _request.committing = int(environ.get("HTTP_X_FAILPOINT", 0)), 0, False
    _pass("the request has come")
    answer = _service.wsgi_app(environ, start_response)
    _pass("the answer is ready")
    return answer


def _pass(name: str) -> None:
    _request.passed += 1
    with _points.open("a") as file:
        file.write(name + "\n")
    if _request.passed == _request.chosen:
        os.kill(os.getpid(), signal.SIGKILL)


@event.listens_for(Engine, "before_cursor_execute")
def _before_statement(connection: object, cursor: object, statement: str, *rest: object) -> None:
    _pass(f"before {_short(statement)}")


@event.listens_for(Engine, "after_cursor_execute")
def _after_statement(connection: object, cursor: object, statement: str, *rest: object) -> None:
    _pass(f"after {_short(statement)}")


@event.listens_for(Engine, "commit")
def _before_commit(connection: object) -> None:
    _request.committing = True
    _pass("before COMMIT")


@event.listens_for(Pool, "checkin")
def _after_commit(connection: object, record: object) -> None:
    """SQLAlchemy has no event after COMMIT; giving the connection back is the next thing that happens."""
    if _request.committing:
        _pass("after COMMIT")


def _short(statement: str) -> str:
    return " ".join(statement.split())[:_NAME_LENGTH]
