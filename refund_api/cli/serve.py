"""`serve`: gunicorn with the configuration of refund_api/serving, in this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Final

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from .session import settings

_SERVER: Final = "refund_api.server"


@click.command("serve", context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS OF GUNICORN]...")
@with_appcontext
def serve_command(options: tuple[str, ...]) -> None:
    """Serve until SIGTERM, by gunicorn.

    It listens on 127.0.0.1:8000, with a worker for each core. Every option of gunicorn is taken, for example
    --bind unix:/run/refund-api.sock, --workers 4, --pid FILE, --access-logfile -, --check-config;
    docs.gunicorn.org lists them. Sockets of systemd (LISTEN_FDS) and its Type=notify work.
    """
    serve(options)


def use_server(app: Flask, server: Callable[[Sequence[str]], None]) -> None:
    """Set what the commands of this app serve with."""
    app.extensions[_SERVER] = server


def serve(options: Sequence[str]) -> None:
    """Serve until SIGTERM, with options of gunicorn. ClickException: a setting cannot be used."""
    settings()  # a wrong one is told before gunicorn is imported, which ends in a traceback where a number is none
    if not os.environ.get("WEB_CONCURRENCY", "").strip():
        os.environ.pop("WEB_CONCURRENCY", None)  # gunicorn takes no empty one
    current_app.extensions[_SERVER](options)
