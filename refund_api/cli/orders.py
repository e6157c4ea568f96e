"""`orders`: bring orders in, look at one and its refunds."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import BinaryIO

import click
from flask.cli import AppGroup
from sqlalchemy import Engine

from ..domain import BOOKED, CHINA
from ..storage.engines.table import kind_of
from ..storage.shop.importing import ImportedOrder, ImportedOrders, ImportResult, import_orders, read_import
from ..storage.shop.order_view import OrderView, PassengerView, RefundView, find_order_of_refund, read_order
from .demo import DEFAULT_COUNT, demo_orders
from .demo_ledger import into_option, refuse_other_ledger
from .import_report import import_json, import_text
from .refunds import payout_in_words
from .session import TROUBLE, open_engine, plain, reason, utf8

_MOST_WRITERS = 2  # of an import, on any engine

orders_commands = AppGroup("orders", help="Bring orders in, look at one.")


def import_demo_orders(engine: Engine, seed: int, count: int) -> tuple[list[ImportedOrder], ImportResult]:
    """Import today's demo orders: the orders, and what became of them. What was refunded stays refunded."""
    today = datetime.now(CHINA).date()
    with read_import([json.dumps(order) for order in demo_orders(seed, count, today)])[0] as checked:
        demo = list(checked)
    return demo, import_orders(engine, demo, lambda done: None)


@orders_commands.command("demo")
@click.option("--seed", default=1, show_default=True, help="Another seed, other orders.")
@click.option("--count", type=click.IntRange(1, 100_000), default=DEFAULT_COUNT, show_default=True)
@into_option
def demo(seed: int, count: int, confirmed_name: str | None) -> None:
    """Make plausible orders.

    They depart 5 to 90 days from today. The same seed and day make the same orders; harmless to repeat. A ledger with
    other orders is refused.
    """
    with open_engine() as engine:
        refuse_other_ledger(engine, confirmed_name)
        imported, result = import_demo_orders(engine, seed, count)
    click.echo(f"{result.created} demo orders made, {len(imported) - result.created} were there before.")
    example = max(imported, key=lambda line: (line.order.state == BOOKED, line.order.train_date))
    click.echo(f"One of them: {example.order.order_number}, departs on {example.order.train_date}")


@orders_commands.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--check", "only_check", is_flag=True, help="Say what would become of every line, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def import_file(context: click.Context, file: BinaryIO, only_check: bool, as_json: bool) -> None:
    """Import orders from a file.

    FILE has JSON Lines or CSV, plain or as gzip; - is standard input. Nothing is written unless every line is good.
    Exit status 1 on bad lines, on conflicts, and for passengers refunded both here and elsewhere.
    """
    if _on_terminal():
        click.echo("Checking every line …", err=True)
    orders, bad_lines = read_import(file)
    with orders:
        if not orders and not bad_lines.count:
            raise click.ClickException("There is no order in the file; was it written to its end?")
        result = ImportResult()
        if not bad_lines.count:
            with open_engine(threads=_MOST_WRITERS) as engine:
                result = _import_with_progress(engine, orders, only_check)
    report = import_json if as_json else import_text
    click.echo(report(result, bad_lines, only_check=only_check))
    context.exit(1 if bad_lines.count or result.needs_attention else 0)


def _import_with_progress(engine: Engine, orders: ImportedOrders, only_check: bool) -> ImportResult:
    label = "Comparing" if only_check else "Importing"
    with click.progressbar(length=len(orders), label=label, file=sys.stderr, hidden=not _on_terminal()) as bar:
        try:
            return import_orders(
                engine,
                orders,
                lambda done: bar.update(done - bar.pos),
                only_check=only_check,
                writers=kind_of(engine).IMPORT_WRITERS,
            )
        except TROUBLE as error:
            raise click.ClickException(
                f"{bar.pos} of {len(orders)} orders are {'compared' if only_check else 'imported'}, "
                f"then: {reason(error)}\nWhen that is mended, import the file again: it goes on from there."
            ) from None


def _on_terminal() -> bool:
    return sys.stderr.isatty()


@orders_commands.command()
@click.argument("number", metavar="NUMBER", callback=utf8)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(number: str, as_json: bool) -> None:
    """Show state, passengers and refunds of an order.

    NUMBER is the order's, or that of one of its refunds. Of each refund: when it was recorded, from where, signed with
    which key, and whether it is queued or paid.
    """
    with open_engine() as engine:
        view = read_order(engine, number)
        if view is None and (order_number := find_order_of_refund(engine, number.strip().lower())):
            view = read_order(engine, order_number)
    if view is None:
        raise click.ClickException(
            f"There is no order and no refund {plain(number)}. Orders come in by: refund-api orders import"
        )
    click.echo(_order_json(view) if as_json else "\n".join(_order_lines(view)))


def _order_json(view: OrderView) -> str:
    values = asdict(view)
    return json.dumps(values.pop("order") | values, default=lambda value: value.isoformat())


def _order_lines(view: OrderView) -> list[str]:
    order = view.order
    passengers = [f"  {p.passenger_id}  {p.paid_minor:>8}{_cancelled_by(p)}" for p in view.passengers]
    return [
        f"Order {order.order_number}: {order.state}, train date {order.train_date}",
        *([f"The shop last spoke of it at {view.as_of:%Y-%m-%d %H:%M:%S} UTC."] if view.as_of else []),
        f"Amounts are in minor units of {order.currency}.",
        "",
        "Passengers",
        *(passengers or ["  none"]),
        "",
        "Refunds",
        *([line for refund in view.refunds for line in _refund_lines(refund)] or ["  none"]),
    ]


def _cancelled_by(passenger: PassengerView) -> str:
    here = f"  refunded by {passenger.refund_id}" if passenger.refund_id else ""
    return here + ("  cancelled elsewhere" if passenger.cancelled_elsewhere_at else "")


def _refund_lines(refund: RefundView) -> list[str]:
    return [
        f"  {refund.refund_id}  {refund.amount_minor:>8}  {refund.recorded_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
        f"    source {plain(refund.source)}, key {refund.kid}, request {plain(refund.request_id)}",
        f"    {payout_in_words(refund.outbox_state)}; reason: {plain(refund.reason or 'none given')}",
    ]
