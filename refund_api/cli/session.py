"""What a command works with: settings and database. What is wrong with them is told as a ClickException."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

import click
from flask import Flask, current_app
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from ..ports import LedgerUnavailable
from ..settings import Settings, SettingsError
from ..storage.engines.urls import make_engine

T = TypeVar("T", str, tuple[str, ...])

_SOURCE: Final = "refund_api.settings"
_CHECK: Final = "refund-api db check"
TROUBLE: Final = (SQLAlchemyError, LedgerUnavailable)
"""What a database may raise."""


def use_settings(app: Flask, source: Callable[[], Settings]) -> None:
    """Set where the commands of this app take their settings from. The source is called when a command runs."""
    app.extensions[_SOURCE] = source


def settings() -> Settings:
    """The settings; ClickException when they cannot be used."""
    try:
        values: Settings = current_app.extensions[_SOURCE]()
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    return values


def utf8(_context: click.Context, _parameter: click.Parameter, value: T) -> T:
    """Refuse bytes on the command line that are not UTF-8, because no database and no codec takes them."""
    if any("\ud800" <= c <= "\udfff" for text in ([value] if isinstance(value, str) else value) for c in text):
        raise click.BadParameter("it is not UTF-8")
    return value


def reason(error: Exception) -> str:
    """What the database said, on one line."""
    return " ".join(str(getattr(error, "orig", None) or error).split())


def plain(text: str) -> str:
    """Text of a client or of a broken database, with escapes for all that could steer a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def unusable_url(error: ValueError) -> click.ClickException:
    """What to tell an operator whose database URL no engine takes."""
    return click.ClickException(f"REFUND_API_DATABASE_URL: {error}")


@contextmanager
def open_engine(threads: int = 1) -> Iterator[Engine]:
    """The database for one command, for so many threads of it; ClickException when it does not answer."""
    url = settings().database_url
    try:
        engine = make_engine(url, threads=threads)
    except ValueError as error:
        raise unusable_url(error) from None
    try:
        yield engine
    except TROUBLE as error:
        raise click.ClickException(f"The database says: {reason(error)}\nIs it up to date? {_CHECK}") from None
    finally:
        engine.dispose()
