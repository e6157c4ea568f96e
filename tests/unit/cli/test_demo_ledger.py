"""`orders demo` and `quickstart` write into the demo's ledger alone, unless told twice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from refund_api.settings import Settings
from refund_api.storage.shop.demo_ledger import Ledger
from tests.servers import free_port
from tests.world import ORDER

from .running import Commands, order_line

DEMO = ("orders", "demo", "--count", "3")


@dataclass
class Elsewhere(Commands):
    """A ledger that is not where `make run` has one."""

    @property
    def settings(self) -> Settings:
        return Settings(database_url=f"sqlite:///{self.folder}/ledger.db", keys=self.keys)


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    commands = Commands(tmp_path)
    commands.succeed("db", "upgrade")
    return commands


@pytest.fixture
def elsewhere(tmp_path: Path) -> Commands:
    commands = Elsewhere(tmp_path)
    commands.succeed("db", "upgrade")
    return commands


def quickstart() -> tuple[str, ...]:
    return ("quickstart", "--port", str(free_port()))


def test_a_ledger_with_another_order_is_refused_and_stays_as_it_is(commands: Commands) -> None:
    commands.succeed("orders", "import", "-", stdin=order_line())
    for command in (DEMO, quickstart()):
        output = commands.fail(*command)
        assert "is not the demo's: it has other orders. Nothing was changed." in output
        assert "--into-this-ledger refunds.db" in output
    assert not (commands.folder / "instance" / "keys.json").exists()
    assert commands.served == []
    commands.succeed(*DEMO, "--into-this-ledger", "refunds.db")
    commands.succeed("orders", "show", ORDER)


def test_one_other_order_among_demo_orders_is_enough(commands: Commands) -> None:
    commands.succeed(*DEMO)
    commands.succeed("orders", "import", "-", stdin=order_line("demo20261127000000000"))
    assert "it has other orders" in commands.fail(*DEMO)


def test_an_empty_ledger_that_is_not_where_a_demo_is_kept_is_refused(elsewhere: Commands) -> None:
    assert "is empty, and not where a demo keeps its ledger" in elsewhere.fail(*DEMO)
    elsewhere.succeed(*DEMO, "--into-this-ledger", "ledger.db")
    elsewhere.succeed(*DEMO)  # it has nothing but demo orders now


@pytest.mark.parametrize("name", ["refunds", "", "ledger.db"])
def test_another_name_is_no_confirmation(commands: Commands, name: str) -> None:
    assert "Nothing was changed." in commands.fail(*DEMO, "--into-this-ledger", name)


def test_quickstart_refuses_another_ledger_before_it_migrates(elsewhere: Commands, tmp_path: Path) -> None:
    (tmp_path / "ledger.db").unlink()
    (tmp_path / "ledger.db").touch()
    assert "Nothing was changed." in elsewhere.fail(*quickstart())
    assert elsewhere.succeed("db", "current").startswith("no revision yet")


def test_the_password_of_the_ledger_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refund_api.cli.demo_ledger.whose", lambda engine: Ledger.EMPTY)
    url = "postgresql://shop:hunter2@db.internal/refunds"
    monkeypatch.setattr(Commands, "settings", property(lambda self: Settings(database_url=url)))
    output = Commands(tmp_path).fail(*DEMO)
    assert "db.internal/refunds is empty" in output
    assert "--into-this-ledger refunds\n" in output
    assert "hunter2" not in output
