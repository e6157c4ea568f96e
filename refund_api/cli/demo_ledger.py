"""Demo commands write into the demo's ledger alone, unless told twice: by an option and by the name of the database."""

from __future__ import annotations

import click
from sqlalchemy import Engine

from ..storage.shop.demo_ledger import Ledger, name_of, whose

into_option = click.option(
    "--into-this-ledger",
    "confirmed_name",
    metavar="NAME",
    help="Put demo orders into a ledger that is not the demo's. NAME is the name of its database.",
)


def refuse_other_ledger(engine: Engine, confirmed_name: str | None) -> None:
    """ClickException: the ledger is not the demo's, and its name was not given. Nothing was written by then."""
    name = name_of(engine)
    if confirmed_name == name:
        return
    ledger = whose(engine)
    if ledger is not Ledger.DEMO or confirmed_name is not None:
        raise click.ClickException(
            f"The ledger {engine.url.render_as_string()} is {ledger.value}. Nothing was changed.\n"
            "`make run` makes a ledger for the demo where there is no file instance/refunds.db. To put demo orders "
            f"into this one all the same, give its name: --into-this-ledger {name}"
        )
