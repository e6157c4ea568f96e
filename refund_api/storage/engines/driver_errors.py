"""Errors of a driver that was called without SQLAlchemy, made SQLAlchemy's."""

from __future__ import annotations

from typing import NoReturn

from sqlalchemy import Connection


def raise_as_sqlalchemy(connection: Connection, error: BaseException) -> NoReturn:
    """Raise what SQLAlchemy raises when its own call of the driver ends so; the error of a driver is a DBAPIError.

    This is SQLAlchemy's own function, which is private. There is no public one, and a test fails when it goes.
    """
    connection._handle_dbapi_exception(error, None, None, None, None)
