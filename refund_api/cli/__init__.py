"""The commands of `refund-api`, which `flask --app app` has too. Nothing here prints a secret."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flask import Flask

from ..settings import Settings
from .audit import audit_command
from .db import db_commands
from .orders import orders_commands
from .quickstart import quickstart_command
from .refunds import refunds_commands
from .serve import serve_command, use_server
from .session import use_settings
from .settings import settings_command
from .sign import sign_command


def register(app: Flask, settings_source: Callable[[], Settings], server: Callable[[Sequence[str]], None]) -> None:
    """Add the commands to the app; settings are read when a command runs, not before.

    `server` serves until it is told to end, with options as on gunicorn's command line.
    """
    use_settings(app, settings_source)
    use_server(app, server)
    for command in (
        audit_command,
        db_commands,
        orders_commands,
        quickstart_command,
        refunds_commands,
        serve_command,
        settings_command,
        sign_command,
    ):
        app.cli.add_command(command)
