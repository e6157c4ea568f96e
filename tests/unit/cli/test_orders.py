"""The commands `orders …`."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from refund_api.cli import orders
from refund_api.cli.demo import demo_orders
from refund_api.ports import LedgerUnavailable
from refund_api.storage import transaction
from refund_api.storage.shop.importing import read_import
from tests.world import ALICE, BOB, ORDER

from .running import Commands, far_day, order_line

TODAY = date(2026, 11, 23)
BAD = '{"order_number": "CTT9", "train_date": "2027-06-01", "passengers": []}\n'
MARKS = ", 0 older\n0 passengers cancelled elsewhere, 0 orders refunded by both\n"


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    commands = Commands(tmp_path)
    commands.succeed("db", "upgrade")
    return commands


def test_demo_orders_are_plausible() -> None:
    made = list(demo_orders(1, 300, TODAY))
    found, bad_lines = read_import([json.dumps(order) for order in made])
    with found:
        assert (len(found), bad_lines.count) == (300, 0)
    days = {(date.fromisoformat(order["train_date"]) - TODAY).days for order in made}
    assert (min(days), max(days)) == (5, 90)
    assert {len(order["passengers"]) for order in made} == {1, 2, 3, 4, 5}
    states = Counter(order["state"] for order in made)
    assert states.keys() == {"booked", "ticketed"}
    assert states["booked"] > 200
    assert all(order["order_number"].startswith("DEMO2026") and len(order["order_number"]) == 21 for order in made)
    assert all(p["paid_minor"] > 0 for order in made for p in order["passengers"])


def test_demo_orders_are_the_same_for_a_seed_and_a_day() -> None:
    assert list(demo_orders(7, 20, TODAY)) == list(demo_orders(7, 20, TODAY))
    assert list(demo_orders(7, 20, TODAY)) != list(demo_orders(8, 20, TODAY))
    assert list(demo_orders(7, 20, TODAY)) != list(demo_orders(7, 20, TODAY + timedelta(days=1)))


def test_making_demo_orders_again_is_harmless(commands: Commands) -> None:
    first = commands.succeed("orders", "demo", "--count", "5")
    again = commands.succeed("orders", "demo", "--count", "5")
    assert first.startswith("5 demo orders made, 0 were there before.\n")
    assert again.startswith("0 demo orders made, 5 were there before.\n")
    assert commands.succeed("orders", "demo", "--count", "5", "--seed", "2").startswith("5 demo orders made")


def test_making_demo_orders_names_one_to_try(commands: Commands) -> None:
    example = commands.succeed("orders", "demo").splitlines()[1].removeprefix("One of them: ").partition(",")[0]
    assert f"Order {example}: booked, " in commands.succeed("orders", "show", example)


def test_import_counts_what_became_of_the_lines(commands: Commands, tmp_path: Path) -> None:
    file = tmp_path / "orders.jsonl"
    file.write_text(order_line() + order_line("CTT2"))
    assert commands.succeed("orders", "import", str(file)) == "2 new, 0 changed, 0 unchanged, 0 conflicts" + MARKS
    file.write_text(order_line() + order_line("CTT2", state="ticketed"))
    assert commands.succeed("orders", "import", str(file)) == "0 new, 1 changed, 1 unchanged, 0 conflicts" + MARKS


def test_import_reads_standard_input(commands: Commands) -> None:
    counts = json.loads(commands.succeed("orders", "import", "-", "--json", stdin=order_line()))
    assert counts == {
        "written": True,
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "marked": 0,
        "counts": {"refunded_by_both": 0, "conflicts": 0, "older": 0, "kept_marks": 0, "bad_lines": 0},
        "refunded_by_both": [],
        "conflicts": [],
        "older": [],
        "kept_marks": [],
        "bad_lines": [],
    }


def test_bad_lines_are_reported_by_number_and_nothing_is_imported(commands: Commands) -> None:
    output = commands.fail("orders", "import", "-", stdin=order_line() + BAD + "nonsense\n")
    assert output == (
        "line 2: state is missing; currency is missing\n"
        "line 3: not JSON\n"
        "Nothing was imported. Bad lines: 2; correct them and import again.\n"
    )
    commands.fail("orders", "show", ORDER)
    report = json.loads(commands.fail("orders", "import", "-", "--json", stdin=BAD))
    assert report["bad_lines"] == [{"line": 1, "faults": ["state is missing", "currency is missing"]}]
    assert not report["written"]


def test_a_flood_of_bad_lines_is_cut(commands: Commands) -> None:
    lines = commands.fail("orders", "import", "-", stdin="{\n" * 25).splitlines()
    assert lines[-3:] == [
        "line 20: not JSON",
        "… and 5 more; --json lists them",
        "Nothing was imported. Bad lines: 25; correct them and import again.",
    ]


def test_a_conflict_is_reported_and_ends_with_status_1(commands: Commands) -> None:
    commands.succeed("orders", "import", "-", stdin=order_line())
    changed = order_line(paid=1) + order_line("CTT2")
    output = commands.fail("orders", "import", "-", stdin=changed)
    assert output.startswith(f"line 1: {ORDER} left as it is: passenger ")
    assert output.endswith("1 new, 0 changed, 0 unchanged, 1 conflicts" + MARKS)


def test_the_progress_bar_is_for_terminals_only(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Importing" not in commands.run("orders", "import", "-", stdin=order_line()).stderr
    monkeypatch.setattr(orders, "_on_terminal", lambda: True)
    assert "Importing" in commands.run("orders", "import", "-", stdin=order_line("CTT2")).stderr


def test_show_tells_state_passengers_and_refunds(commands: Commands) -> None:
    commands.succeed("orders", "import", "-", stdin=order_line())
    assert commands.succeed("orders", "show", ORDER).splitlines()[-2:] == ["Refunds", "  none"]
    commands.refund()
    output = commands.succeed("orders", "show", ORDER)
    assert f"Order {ORDER}: booked, train date {far_day()}\n" in output
    assert f"{ALICE}     55350  refunded by 9b2f0d7e-58f3-4a0e-9d52-8a1b3a6a7a11\n" in output
    assert f"{BOB}     55350\n" in output
    assert "source 192.0.2.7, key web, request request-1\n" in output
    assert "queued, not yet paid; reason: plans changed\n" in output


def test_show_takes_the_number_of_a_refund_too(commands: Commands) -> None:
    commands.succeed("orders", "import", "-", stdin=order_line() + order_line("CTT2"))
    commands.refund()
    by_order = commands.succeed("orders", "show", ORDER)
    assert commands.succeed("orders", "show", "9b2f0d7e-58f3-4a0e-9d52-8a1b3a6a7a11") == by_order
    assert commands.succeed("orders", "show", " 9B2F0D7E-58f3-4a0e-9d52-8a1b3a6a7a11 ") == by_order


def test_show_gives_json(commands: Commands) -> None:
    commands.succeed("orders", "import", "-", stdin=order_line())
    commands.refund()
    order = json.loads(commands.succeed("orders", "show", ORDER, "--json"))
    assert (order["order_number"], order["train_date"]) == (ORDER, far_day().isoformat())
    assert [p["refund_id"] is None for p in order["passengers"]] == [False, True]
    assert order["refunds"][0]["amount_minor"] == 55350


def test_show_lets_no_client_steer_the_terminal(commands: Commands) -> None:
    commands.succeed("orders", "import", "-", stdin=order_line())
    commands.refund(reason="\x1b[2J改签\r\n")
    output = commands.succeed("orders", "show", ORDER)
    assert "reason: \\x1b[2J改签\\r\\n\n" in output


def test_show_of_an_unknown_number_ends_with_status_1(commands: Commands) -> None:
    assert commands.fail("orders", "show", "CTT404").startswith("Error: There is no order and no refund CTT404.")


def test_show_before_the_first_upgrade_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "new" / "instance").mkdir(parents=True)
    assert "refund-api db check" in Commands(tmp_path / "new").fail("orders", "show", ORDER)


def test_show_refuses_an_order_number_that_is_not_utf8(commands: Commands) -> None:
    result = commands.run("orders", "show", "\udcff")
    assert result.exit_code == 2
    assert "not UTF-8" in result.output


def test_import_of_an_empty_file_is_a_failure(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    assert "There is no order in the file" in commands.fail("orders", "import", str(tmp_path / "empty.jsonl"))


def test_an_import_that_breaks_off_says_how_far_it_came_and_how_it_goes_on(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "".join(order_line(f"CTT{number}") for number in range(2500))
    batches = iter([None, LedgerUnavailable("the database is busy")])

    def write(*args: Any) -> Any:
        trouble = next(batches)
        if trouble is not None:
            raise trouble
        return transaction.run_writing(*args)

    with monkeypatch.context() as broken:
        broken.setattr("refund_api.storage.shop.importing.run_writing", write)
        output = commands.fail("orders", "import", "-", stdin=lines)
    assert output == (
        "Error: 1000 of 2500 orders are imported, then: the database is busy\n"
        "When that is mended, import the file again: it goes on from there.\n"
    )
    again = commands.succeed("orders", "import", "-", stdin=lines)
    assert again == "1500 new, 0 changed, 1000 unchanged, 0 conflicts" + MARKS


def test_a_file_that_changes_after_it_was_checked_is_imported_as_it_was(
    commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "orders.jsonl"
    file.write_text(order_line())

    def read_and_spoil(lines: Any) -> Any:
        found = read_import(lines)
        file.write_text("nonsense\n")
        return found

    monkeypatch.setattr(orders, "read_import", read_and_spoil)
    assert commands.succeed("orders", "import", str(file)).startswith("1 new, ")


def test_a_check_tells_what_would_be_and_writes_nothing(commands: Commands) -> None:
    output = commands.succeed("orders", "import", "-", "--check", stdin=order_line())
    assert output == "Nothing was written. It would be: 1 new, 0 changed, 0 unchanged, 0 conflicts" + MARKS
    assert not json.loads(commands.succeed("orders", "import", "-", "--check", "--json", stdin=order_line()))["written"]
    commands.fail("orders", "show", ORDER)


def test_a_passenger_refunded_twice_is_told_and_ends_with_status_1(commands: Commands) -> None:
    commands.succeed("orders", "import", "-", stdin=order_line())
    commands.refund()
    marked = json.loads(order_line())
    for passenger in marked["passengers"]:
        passenger["cancelled_elsewhere"] = True
    output = commands.fail("orders", "import", "-", stdin=json.dumps(marked) + "\n")
    assert output.startswith(f"line 1: {ORDER} REFUNDED TWICE: refunded here and cancelled elsewhere: {ALICE}\n")
    assert output.endswith("1 passengers cancelled elsewhere, 1 orders refunded by both\n")
    shown = commands.succeed("orders", "show", ORDER)
    assert f"Order {ORDER}: cancelled, " in shown
    assert "The shop last spoke of it at " in shown
    assert f"{BOB}     55350  cancelled elsewhere\n" in shown
