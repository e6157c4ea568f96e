"""`refunds`: list what the ledger holds. Every format is written line by line, so that a long list needs no memory."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, Final

import click
from flask.cli import AppGroup

from ..storage.shop.order_view import read_order
from ..storage.shop.refund_list import Chosen, ListedRefund, list_refunds
from .session import open_engine, plain, utf8

_PAYOUT: Final = {"new": "queued, not yet paid", "sent": "paid", "failed": "not paid: the payment failed"}

refunds_commands = AppGroup("refunds", help="List refunds.")


def payout_in_words(state: str | None) -> str:
    """Whether a refund was paid, from the state of its row in the outbox."""
    return "not queued: run the audit" if state is None else _PAYOUT[state]


@refunds_commands.command("list")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), metavar="DAY", help="Recorded on this day, UTC: 2026-11-27.")
@click.option("--state", type=click.Choice([*_PAYOUT]), help="new: queued, not yet paid; sent: paid.")
@click.option("--source", callback=utf8, default="", metavar="ADDRESS", help="Asked for from this address.")
@click.option("--order", "order_number", callback=utf8, default="", metavar="ORDER", help="Of this order.")
@click.option("--json", "format_name", flag_value="json", help="Print a JSON object a line.")
@click.option("--csv", "format_name", flag_value="csv", help="Print CSV.")
def list_command(
    day: datetime | None, state: str | None, source: str, order_number: str, format_name: str | None
) -> None:
    """List refunds in the order they were recorded.

    Without options, all of them. Reads one moment of the ledger, beside a running service.
    """
    chosen = Chosen(
        day=day.date() if day else None,
        state=state,
        source=source or None,
        order_number=order_number or None,
    )
    with open_engine() as engine:
        if order_number and read_order(engine, order_number) is None:
            raise click.ClickException(f"There is no order {plain(order_number)}.")
        try:
            _print(list_refunds(engine, chosen), format_name)
        except ValueError as error:
            raise click.ClickException(f"Nothing can be listed: {error}") from None


def _print(refunds: Iterator[ListedRefund], format_name: str | None) -> None:
    if format_name == "csv":
        table = csv.writer(sys.stdout, lineterminator="\n")
        table.writerow(field.name for field in fields(ListedRefund))
        table.writerows(_values(refund).values() for refund in refunds)
        return
    listed = False
    for refund in refunds:
        click.echo(json.dumps(_values(refund)) if format_name == "json" else _line(refund))
        listed = True
    if not listed:
        click.echo("There is no such refund.", err=True)


def _values(refund: ListedRefund) -> dict[str, Any]:
    return asdict(refund) | {"recorded_at": refund.recorded_at.isoformat()}


def _line(refund: ListedRefund) -> str:
    return (
        f"{refund.recorded_at:%Y-%m-%d %H:%M:%S} UTC  {plain(refund.order_number)}  {refund.refund_id}  "
        f"{refund.amount_minor:>8} {refund.currency}  from {plain(refund.source)}, key {refund.kid}, "
        f"request {plain(refund.request_id)}: {payout_in_words(refund.state)}"
    )
