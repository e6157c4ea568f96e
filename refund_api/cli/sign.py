"""`sign`: a valid signed request as a curl command. It prints a signature, never a secret."""

from __future__ import annotations

import random
from collections.abc import Set
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click
from flask.cli import with_appcontext

from xml_contracts.refund import Terminal, TicketRefundRequest

from ..actions import CANCEL
from ..signing.keys import Key, KeyRing, KeyRingError
from ..signing.schemes import SCHEMES
from ..signing.time_stamp import TIME_STAMP_FORMAT, read_time_stamp
from ..storage.shop.order_view import read_order
from .curl import FORMATS, curl
from .session import open_engine, settings, utf8

LOCAL_URL = "http://127.0.0.1:8000"


def signed_request(
    key: Key,
    order_number: str,
    passenger_ids: list[str],
    *,
    number: int | None = None,
    time_stamp: str | None = None,
    terminal: Terminal = Terminal.WEBPAGEEnum,
) -> TicketRefundRequest:
    """A request signed as a client with this key signs; `number` and `time_stamp` default to fresh ones."""
    request = TicketRefundRequest(
        order_number=order_number,
        refund_passanger_ids=",".join(passenger_ids),
        refund_reason="Plans changed",
        terminal=terminal,
        time_stamp=time_stamp or datetime.now(UTC).strftime(TIME_STAMP_FORMAT),
        random=fresh_numbers(1)[0] if number is None else number,
    )
    return replace(request, sign=SCHEMES[key.scheme].sign(request, CANCEL.path, key.kid, key.secret))


def fresh_numbers(count: int) -> list[int]:
    """Different numbers for the member `random`, from the range the real clients use."""
    return random.SystemRandom().sample(range(10_000, 20_000), count)


def signing_key(keys: str, terminal: Terminal, schemes: Set[str], kid: str | None = None) -> Key:
    """The first key of a ring that may sign now, of these schemes and with this kid; ClickException when none may."""
    try:
        ring = KeyRing.from_json(keys)
    except KeyRingError as error:
        raise click.ClickException(f"The key ring cannot be read: {error}") from None
    now = datetime.now(UTC)
    for key in ring.keys:
        if key.scheme in schemes and kid in (None, key.kid) and key.serves(int(terminal), now):
            return key
    which = " or ".join(sorted(schemes)) + (" key" if kid is None else f" key {kid}")
    raise click.ClickException(f"The key ring has no active {which} for this terminal; name one: --secret-file FILE")


def _time_stamp(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    try:
        if value is not None:
            read_time_stamp(value)
    except ValueError:
        raise click.BadParameter("a UTC time as yyyyMMddHHmmss, such as 20260101000000") from None
    return value


@click.command("sign")
@click.argument("order_number", metavar="ORDER", callback=utf8)
@click.option("--format", "format_name", type=click.Choice([*FORMATS, "all"]), default="json", show_default=True)
@click.option("--scheme", type=click.Choice([*SCHEMES]), help="Default: that of the key; legacy with --secret-file.")
@click.option("--kid", metavar="KID", help="Sign with this key of the ring, or call the key of --secret-file so.")
@click.option(
    "--secret-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Sign with the secret in it."
)
@click.option("--url", default=LOCAL_URL, show_default=True, help="Where the service is.")
@click.option(
    "--passenger", "passengers", multiple=True, metavar="ID", callback=utf8, help="Whom to cancel; may be repeated."
)
@click.option("--random", "number", type=click.IntRange(1, 2**31 - 1), metavar="N", help="Default: 10000 to 19999.")
@click.option("--time-stamp", callback=_time_stamp, metavar="T", help="UTC, yyyyMMddHHmmss. Default: now.")
@click.option("--terminal", type=click.Choice([str(int(t)) for t in Terminal]), default="1", show_default=True)
@with_appcontext
def sign_command(
    order_number: str,
    format_name: str,
    scheme: str | None,
    kid: str | None,
    secret_file: Path | None,
    url: str,
    passengers: tuple[str, ...],
    number: int | None,
    time_stamp: str | None,
    terminal: str,
) -> None:
    """Print a signed request to cancel ORDER, as a curl command.

    Without --passenger, all passengers that are not refunded yet. Without --scheme, --kid and --secret-file, the first
    key of the ring that may sign now.
    """
    front_end = Terminal(int(terminal))
    key = _key_of_file(secret_file, scheme, kid) if secret_file else _key_of_ring(scheme, kid, front_end)
    ids = list(passengers) or _passengers_left(order_number)
    request = signed_request(key, order_number, ids, number=number, time_stamp=time_stamp, terminal=front_end)
    for name in FORMATS if format_name == "all" else (format_name,):
        click.echo(curl(name, request, url))


def _key_of_file(path: Path, scheme: str | None, kid: str | None) -> Key:
    secret = path.read_bytes().rstrip(b"\r\n")
    if not secret:
        raise click.ClickException(f"{path} is empty; it must hold the secret")
    key = Key(kid or "", scheme or "legacy", secret)
    trial_sign = signed_request(key, "", []).sign or ""
    if not SCHEMES[key.scheme].pattern.fullmatch(trial_sign):
        raise click.ClickException(f"A {key.scheme} sign names its key, 1 to 32 of a-z, 0-9 and -: --kid KID")
    return key


def _key_of_ring(scheme: str | None, kid: str | None, terminal: Terminal) -> Key:
    keys = settings().keys
    if keys is None:
        raise click.ClickException("There is no key: set REFUND_API_KEYS_FILE, or name one: --secret-file FILE")
    return signing_key(keys, terminal, {scheme} if scheme else settings().signature_schemes, kid)


def _passengers_left(order_number: str) -> list[str]:
    with open_engine() as engine:
        order = read_order(engine, order_number)
    if order is None:
        raise click.ClickException(f"There is no order {order_number} here. To sign it all the same: --passenger ID")
    left = [p.passenger_id for p in order.passengers if p.refund_id is None]
    if not left:
        raise click.ClickException(
            f"{order_number} has no passenger left to cancel. To ask again, name the same ones: --passenger ID"
        )
    return left
