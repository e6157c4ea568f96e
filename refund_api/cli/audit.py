"""`audit`: is the ledger right? Exit status 0: it is; 1: it is not; 2: unknown, because it could not be read."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from flask.cli import with_appcontext

from ..storage.audit import Finding, Report, audit
from .session import TROUBLE, plain, reason, settings

_WAYS_OUT = (
    "Is it a ledger, whole and within reach? `refund-api db check` looks at the service's. A SQLite file that may "
    "not be written is audited as a copy, made with its -journal and -wal files."
)


class NotAudited(click.ClickException):
    """The audit could not be done. It has an exit status of its own, to tell it from a wrong ledger."""

    exit_code = 2


@click.command("audit")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--database-url",
    metavar="URL",
    help="Another database than the service's: a restored backup, a standby. A password belongs in ~/.pgpass.",
)
@with_appcontext
@click.pass_context
def audit_command(context: click.Context, as_json: bool, database_url: str | None) -> None:
    """Prove that no refund is double, lost or wrong.

    Reads one moment of the ledger, beside a running service, and writes nothing. Exit status 0 when all counts are 0,
    1 when one is not, 2 when the database cannot be read.
    """
    report = _audit(database_url)
    click.echo(json.dumps(asdict(report) | {"clean": report.clean}) if as_json else "\n".join(_lines(report)))
    context.exit(0 if report.clean else 1)


def _audit(database_url: str | None) -> Report:
    try:
        return audit(settings().database_url if database_url is None else database_url)
    except click.ClickException as error:
        raise NotAudited(error.message) from None
    except (*TROUBLE, ValueError) as error:
        raise NotAudited(f"Nothing was audited: {reason(error)}\n{_WAYS_OUT}") from None


def _lines(report: Report) -> list[str]:
    verdict = "The ledger is right." if report.clean else "THE LEDGER IS WRONG. Let nothing be paid out; see the keys."
    return [
        f"{report.orders} orders, {report.refunds} refunds.",
        *(line for finding in report.findings for line in _finding_lines(finding)),
        verdict,
    ]


def _finding_lines(finding: Finding) -> list[str]:
    samples = [f"      {plain(' '.join(key))}" for key in finding.samples]
    more = finding.count - len(samples)
    return [
        f"{finding.id} {finding.count:>8}  {finding.meaning}",
        *samples,
        *([f"      … and {more} more"] if more > 0 else []),
    ]
