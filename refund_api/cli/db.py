"""`db`: the schema of the database, and what may be thrown away in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import click
from flask.cli import AppGroup

from ..storage import health, schema
from ..storage.engines.urls import kind_for
from ..storage.purging import purge_nonces, purge_reasons
from .session import open_engine, settings, unusable_url

db_commands = AppGroup("db", help="Create, check and tidy the database.")


def make_database_directory(url: str) -> None:
    """Make the directory of the database file; nothing for a database on a server. ClickException."""
    try:
        directory = kind_for(url).directory_to_make(url)
    except ValueError as error:
        raise unusable_url(error) from None
    if directory is None:
        return
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.ClickException(f"The directory {directory} cannot be made: {error.strerror}") from None


@db_commands.command()
def upgrade() -> None:
    """Bring the schema up to date.

    A step of a deployment; harmless to repeat.
    """
    make_database_directory(settings().database_url)
    with open_engine() as engine:
        before = schema.upgrade(engine)
        after = schema.current(engine)
    click.echo(
        f"The database is up to date: {after}" if before == after else f"Upgraded: {before or 'empty'} to {after}"
    )


@db_commands.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def current(as_json: bool) -> None:
    """Print the revision of the schema."""
    with open_engine() as engine:
        revision = schema.current(engine)
    click.echo(json.dumps({"revision": revision}) if as_json else revision or "no revision yet; refund-api db upgrade")


@db_commands.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def check(context: click.Context, as_json: bool) -> None:
    """Say what is wrong with the database.

    Exit status 1 when anything keeps the service from working on it.
    """
    try:
        with open_engine() as engine:
            problems = health.check(engine)
    except click.ClickException as error:
        problems = [error.message]
    if as_json:
        click.echo(json.dumps({"problems": problems}))
    else:
        click.echo("\n".join(problems) or "The database is ready.")
    context.exit(1 if problems else 0)


@db_commands.command()
def purge() -> None:
    """Delete what need not be kept.

    Nonces that have expired and, with REFUND_API_KEEP_REASONS_DAYS, reasons of older refunds; never an amount, a number
    or an item. In batches, beside a running service; for a timer.
    """
    now, days = datetime.now(UTC), settings().keep_reasons_days
    with open_engine() as engine:
        click.echo(f"{purge_nonces(engine, now)} expired nonces deleted.")
        if days is not None:
            click.echo(f"{purge_reasons(engine, now - timedelta(days=days))} reasons of refunds removed.")
