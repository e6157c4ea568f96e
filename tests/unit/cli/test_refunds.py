"""The command `refunds list`."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update

from refund_api.storage.tables import refund_outbox
from tests.world import ORDER

from .running import Commands, order_line

FIRST, SECOND = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
LINE = (
    f"2026-11-26 23:59:59 UTC  {ORDER}  {FIRST}     55350 CNY  from 192.0.2.7, key web, request request-1: "
    "queued, not yet paid"
)


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    """Two refunds, a second before and at the midnight of UTC; the later one was paid."""
    commands = Commands(tmp_path)
    commands.succeed("db", "upgrade")
    commands.succeed("orders", "import", "-", stdin=order_line() + order_line("CTT2"))
    midnight = datetime(2026, 11, 27, tzinfo=UTC)
    commands.refund(order_number="CTT2", refund_id=SECOND, source="2001:db8::7", recorded_at=midnight)
    commands.refund(refund_id=FIRST, recorded_at=midnight.replace(day=26, hour=23, minute=59, second=59))
    with commands.engine() as engine, engine.begin() as connection:
        connection.execute(update(refund_outbox).where(refund_outbox.c.refund_id == SECOND).values(state="sent"))
    return commands


def numbers(output: str) -> list[str]:
    return [json.loads(line)["refund_id"] for line in output.splitlines()]


def test_a_line_says_when_what_from_where_by_which_key_and_whether_it_is_paid(commands: Commands) -> None:
    lines = commands.succeed("refunds", "list").splitlines()
    assert lines[0] == LINE
    assert lines[1].endswith("from 2001:db8::7, key web, request request-1: paid")
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("options", "listed"),
    [
        ([], [FIRST, SECOND]),
        (["--day", "2026-11-26"], [FIRST]),
        (["--day", "2026-11-27"], [SECOND]),
        (["--day", "2026-11-28"], []),
        (["--state", "new"], [FIRST]),
        (["--state", "sent"], [SECOND]),
        (["--state", "failed"], []),
        (["--source", "192.0.2.7"], [FIRST]),
        (["--order", "CTT2"], [SECOND]),
        (["--order", "CTT2", "--state", "new"], []),
    ],
)
def test_options_choose_and_the_oldest_comes_first(commands: Commands, options: list[str], listed: list[str]) -> None:
    assert numbers(commands.succeed("refunds", "list", "--json", *options)) == listed


def test_json_has_a_refund_a_line(commands: Commands) -> None:
    assert json.loads(commands.succeed("refunds", "list", "--json", "--order", ORDER)) == {
        "order_number": ORDER,
        "refund_id": FIRST,
        "amount_minor": 55350,
        "currency": "CNY",
        "recorded_at": "2026-11-26T23:59:59+00:00",
        "source": "192.0.2.7",
        "kid": "web",
        "request_id": "request-1",
        "state": "new",
    }


def test_csv_has_the_same_under_a_line_of_names(commands: Commands) -> None:
    rows = list(csv.DictReader(commands.succeed("refunds", "list", "--csv").splitlines()))
    as_json = [json.loads(line) for line in commands.succeed("refunds", "list", "--json").splitlines()]
    assert rows == [{name: str(value) for name, value in refund.items()} for refund in as_json]


def test_a_list_longer_than_a_batch_is_whole(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refund_api.storage.shop.refund_list.BATCH", 1)
    assert numbers(commands.succeed("refunds", "list", "--json")) == [FIRST, SECOND]


def test_no_refund_is_said_beside_the_list(commands: Commands) -> None:
    result = commands.run("refunds", "list", "--state", "failed")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "There is no such refund.\n")
    names = commands.succeed("refunds", "list", "--state", "failed", "--csv")
    assert names == "order_number,refund_id,amount_minor,currency,recorded_at,source,kid,request_id,state\n"


def test_an_unknown_order_ends_with_status_1(commands: Commands) -> None:
    assert commands.fail("refunds", "list", "--order", "CTT\x1b404") == "Error: There is no order CTT\\x1b404.\n"


def test_a_database_that_is_not_there_is_said(tmp_path: Path) -> None:
    (tmp_path / "instance").mkdir()
    assert "Nothing can be listed: " in Commands(tmp_path).fail("refunds", "list")


@pytest.mark.parametrize("day", ["27.11.2026", "2026-13-01"])
def test_a_day_that_is_none_is_refused(commands: Commands, day: str) -> None:
    assert commands.run("refunds", "list", "--day", day).exit_code == 2


def test_no_client_steers_the_terminal(commands: Commands) -> None:
    commands.succeed("orders", "import", "-", stdin=order_line("CTT3"))
    commands.refund(order_number="CTT3", refund_id="33333333-3333-4333-8333-333333333333", source="\x1b[2J")
    assert "from \\x1b[2J, key" in commands.succeed("refunds", "list", "--order", "CTT3")
