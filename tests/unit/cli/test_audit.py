"""The command `audit`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flask import Flask

from refund_api.cli import register
from refund_api.settings import Settings, SettingsError
from refund_api.storage.tables import orders, passenger, refund_outbox
from tests.world import ALICE, ORDER

from .running import SECRET, Commands, order_line

REFUND = "9b2f0d7e-58f3-4a0e-9d52-8a1b3a6a7a11"


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    """A ledger with one refund."""
    found = Commands(tmp_path)
    found.succeed("db", "upgrade")
    found.succeed("orders", "import", "-", stdin=order_line())
    found.refund()
    return found


def test_a_right_ledger_is_told_so_line_by_line(commands: Commands) -> None:
    lines = commands.succeed("audit").splitlines()
    assert lines[0] == "1 orders, 1 refunds."
    assert [line.split()[:2] for line in lines[1:-1]] == [[f"A{number}", "0"] for number in range(1, 9)]
    assert lines[-1] == "The ledger is right."


def test_json_has_the_same(commands: Commands) -> None:
    report = json.loads(commands.succeed("audit", "--json"))
    assert (report["orders"], report["refunds"], report["clean"]) == (1, 1, True)
    assert [(finding["id"], finding["count"]) for finding in report["findings"]] == [(f"A{n}", 0) for n in range(1, 9)]


def test_a_wrong_ledger_ends_with_status_1_and_its_keys(commands: Commands) -> None:
    with commands.engine() as engine, engine.begin() as connection:
        connection.execute(refund_outbox.delete())
        connection.execute(orders.update().values(state="cancelled"))
    lines = commands.fail("audit").splitlines()
    assert f"      {ORDER} {REFUND}" in lines
    assert f"      {ORDER}" in lines
    assert lines[-1].startswith("THE LEDGER IS WRONG")
    report = json.loads(commands.fail("audit", "--json"))
    assert report["clean"] is False
    assert report["findings"][5]["samples"] == [[ORDER, REFUND]]


def test_more_violations_than_are_shown_are_counted(commands: Commands) -> None:
    with commands.engine() as engine, engine.begin() as connection:
        for number in range(7):
            row = {"order_number": f"closed\x1b{number}", "state": "cancelled", "currency": "CNY"}
            days = connection.execute(orders.select()).mappings().first()
            assert days is not None
            connection.execute(orders.insert(), dict(days) | row)
            paid = {"order_number": row["order_number"], "passenger_id": ALICE, "paid_minor": 1}
            connection.execute(passenger.insert(), paid)
    output = commands.fail("audit")
    assert "A7        7  " in output
    assert "      … and 2 more\n" in output
    assert "      closed\\x1b0\n" in output


def test_another_database_needs_no_settings(commands: Commands) -> None:
    def refuse() -> Settings:
        raise SettingsError("REFUND_API_THREADS must be a number")

    app = Flask("commands")
    register(app, refuse, print)
    result = app.test_cli_runner().invoke(args=["audit", "--database-url", commands.settings.database_url])
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "The ledger is right.")
    result = app.test_cli_runner().invoke(args=["audit"])
    assert (result.exit_code, result.output) == (2, "Error: REFUND_API_THREADS must be a number\n")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("sqlite:////absent/refunds.db", "there is no directory /absent"),
        ("postgresql://user:SECRET@127.0.0.1:1/refunds", "port 1 failed"),
        ("mysql://user:SECRET@localhost/refunds", "neither sqlite nor postgresql"),
        ("refunds", "Could not parse"),
        ("", "Could not parse"),
    ],
)
def test_a_database_that_cannot_be_read_is_told_with_status_2(commands: Commands, url: str, reason: str) -> None:
    result = commands.run("audit", "--json", "--database-url", url.replace("SECRET", SECRET.replace(" ", "")))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("Error: Nothing was audited: ")
    assert reason in result.stderr
    assert SECRET.replace(" ", "") not in result.output


def test_a_database_without_the_ledger_is_not_called_right(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "other.db").touch()
    result = commands.run("audit", "--database-url", f"sqlite:///{tmp_path}/other.db")
    assert result.exit_code == 2
    assert result.output.startswith("Error: Nothing was audited: no such table: orders\nIs it a ledger, ")
