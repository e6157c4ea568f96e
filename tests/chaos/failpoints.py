"""A WSGI target for tests: the service, whose worker kills itself at a chosen point of a request.

`X-Failpoint: 7` means at the seventh point. The file CHAOS_POINTS gets the name of every point passed, a line
each, the one of the kill included. All is hung on from outside: SQLAlchemy's events and wrappers.
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
from refund_api.storage.engines.compiled import DriverCursor, Statement

from .statements import name_of

_NAME_LENGTH = 60
_points = Path(os.environ["CHAOS_POINTS"])
_request = threading.local()
_service = create_app(Settings.from_environ().for_serving())


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    _request.chosen, _request.passed, _request.end = int(environ.get("HTTP_X_FAILPOINT", 0)), 0, None
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
def _before_text(connection: object, cursor: object, text: str, *others: object) -> None:
    _pass(f"before {_beginning(text)}")


@event.listens_for(Engine, "after_cursor_execute")
def _after_text(connection: object, cursor: object, text: str, *others: object) -> None:
    _pass(f"after {_beginning(text)}")


def _beginning(text: str) -> str:
    return " ".join(text.split())[:_NAME_LENGTH]


def _around(execute: Callable[[DriverCursor, Statement, Any], Any]) -> Callable[[DriverCursor, Statement, Any], Any]:
    """The method, with a point before and one after. SQLAlchemy has no events for what goes past it."""

    def executing(cursor: DriverCursor, statement: Statement, values: Any) -> Any:
        name = name_of(statement)
        _pass(f"before {name}")
        result = execute(cursor, statement, values)
        _pass(f"after {name}")
        return result

    return executing


DriverCursor.run = _around(DriverCursor.run)  # type: ignore[assignment, method-assign]
DriverCursor.rows = _around(DriverCursor.rows)  # type: ignore[assignment, method-assign]


@event.listens_for(Engine, "begin")
def _before_begin(connection: object) -> None:
    _pass("before BEGIN")


@event.listens_for(Engine, "commit")
def _before_commit(connection: object) -> None:
    _before_end("COMMIT")


@event.listens_for(Engine, "rollback")
def _before_rollback(connection: object) -> None:
    _before_end("ROLLBACK")


def _before_end(name: str) -> None:
    _request.end = name
    _pass(f"before {name}")


@event.listens_for(Pool, "checkin")
def _after_end(connection: object, record: object) -> None:
    """SQLAlchemy has no event after COMMIT or ROLLBACK; giving the connection back is the next thing that happens."""
    if _request.end is not None:
        _pass(f"after {_request.end}")
