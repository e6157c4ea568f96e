"""`settings`: what is set, to what, and where. Secrets stay hidden."""

from __future__ import annotations

import json
import os

import click

from ..settings import SettingsError
from ..settings.shown import ShownSetting, shown_settings


@click.command("settings")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def settings_command(as_json: bool) -> None:
    """Print every setting and where its value comes from.

    Secrets are hidden. Exit status 1 when the settings cannot be used.
    """
    try:
        shown = list(shown_settings(os.environ))
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    click.echo(_as_json(shown) if as_json else _as_table(shown))


def _as_json(shown: list[ShownSetting]) -> str:
    facts = {
        each.name: {"value": each.value, "source": each.source, "file": each.file and str(each.file)} for each in shown
    }
    return json.dumps(facts, indent=2)


def _as_table(shown: list[ShownSetting]) -> str:
    rows = [
        (each.name, "" if each.value is None else each.value, f"file {each.file}" if each.file else each.source)
        for each in shown
    ]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(f"{name:{widths[0]}}  {value:{widths[1]}}  {source}" for name, value, source in rows)
