"""The commands `db …`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click import ClickException
from flask import Flask

from refund_api.cli import register
from refund_api.cli.db import make_database_directory
from refund_api.domain import Nonce
from refund_api.settings import Settings, SettingsError
from refund_api.storage.tables import refund
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.world import ORDER

from .running import Commands, order_line


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands(tmp_path)


def test_upgrade_makes_the_database_and_is_harmless_to_repeat(commands: Commands) -> None:
    assert commands.succeed("db", "upgrade").startswith("Upgraded: empty to ")
    assert commands.succeed("db", "upgrade").startswith("The database is up to date: ")


def test_a_directory_is_made_for_sqlite_only(tmp_path: Path) -> None:
    make_database_directory(f"sqlite:///{tmp_path}/a/b/refunds.db")
    make_database_directory(f"postgresql:///{tmp_path}/c/refunds")
    assert [path.name for path in sorted(tmp_path.rglob("*"))] == ["a", "b"]


def test_current_prints_the_revision(commands: Commands) -> None:
    (commands.folder / "instance").mkdir()
    (commands.folder / "instance" / "refunds.db").touch()
    assert commands.succeed("db", "current") == "no revision yet; refund-api db upgrade\n"
    assert json.loads(commands.succeed("db", "current", "--json")) == {"revision": None}
    commands.succeed("db", "upgrade")
    revision = commands.succeed("db", "current").strip()
    assert json.loads(commands.succeed("db", "current", "--json")) == {"revision": revision}


def test_check_passes_once_the_database_is_upgraded(commands: Commands) -> None:
    commands.succeed("db", "upgrade")
    assert commands.succeed("db", "check") == "The database is ready.\n"
    assert json.loads(commands.succeed("db", "check", "--json")) == {"problems": []}


def test_check_fails_and_says_what_to_do_before_the_first_upgrade(commands: Commands) -> None:
    (commands.folder / "instance").mkdir()
    assert "refund-api db upgrade" in commands.fail("db", "check")
    assert "db upgrade" in json.loads(commands.fail("db", "check", "--json"))["problems"][0]


def test_no_command_but_upgrade_makes_a_database(commands: Commands) -> None:
    (commands.folder / "instance").mkdir()
    for command in (("db", "check"), ("db", "current"), ("db", "purge"), ("orders", "show", "CTT1")):
        output = commands.fail(*command)
        assert "refunds.db does not exist: restore it; only where there never was a ledger, make one with" in output
        assert list((commands.folder / "instance").iterdir()) == []
    commands.succeed("db", "upgrade")
    assert (commands.folder / "instance" / "refunds.db").stat().st_mode & 0o007 == 0


def test_a_missing_directory_is_told_with_the_way_out(commands: Commands) -> None:
    output = commands.fail("db", "check")
    assert "there is no directory" in output
    assert "restore it; only where there never was a ledger, make one with `refund-api db upgrade`" in output
    assert json.loads(commands.fail("db", "check", "--json")) == {"problems": [output.strip()]}


def test_a_file_that_is_no_database_is_told_with_the_way_out(commands: Commands) -> None:
    (commands.folder / "instance").mkdir()
    (commands.folder / "instance" / "refunds.db").write_text("not a database " * 100)
    output = commands.fail("db", "current")
    assert "The database says: " in output
    assert "refund-api db check" in output


def test_purge_deletes_the_expired_nonces_only(commands: Commands) -> None:
    commands.succeed("db", "upgrade")
    now = datetime.now(UTC)
    nonces = [
        Nonce(value.zfill(64), "0" * 64, now + timedelta(minutes=minutes))
        for value, minutes in (("1", -1), ("2", -2), ("3", 1))
    ]
    with commands.engine() as engine:
        SqlUnitOfWork(engine).run(lambda ledger: [ledger.claim_nonce(nonce, "CTT1") for nonce in nonces])
    assert commands.succeed("db", "purge") == "2 expired nonces deleted.\n"
    assert commands.succeed("db", "purge") == "0 expired nonces deleted.\n"


def test_purge_removes_old_reasons_only_where_that_is_set(commands: Commands) -> None:
    commands.succeed("db", "upgrade")
    commands.succeed("orders", "import", "-", stdin=order_line())
    commands.refund()
    with commands.engine() as engine, engine.begin() as connection:
        connection.execute(refund.update().values(recorded_at=datetime.now(UTC) - timedelta(days=31)))
    assert "reasons" not in commands.succeed("db", "purge")
    commands.keep_reasons_days = 32
    assert "0 reasons of refunds removed.\n" in commands.succeed("db", "purge")
    commands.keep_reasons_days = 30
    assert "1 reasons of refunds removed.\n" in commands.succeed("db", "purge")
    assert "reason: none given" in commands.succeed("orders", "show", ORDER)


def test_settings_that_cannot_be_used_end_a_command_with_their_text() -> None:
    def refuse() -> Settings:
        raise SettingsError("REFUND_API_THREADS must be a number")

    app = Flask("commands")
    register(app, refuse, print)
    result = app.test_cli_runner().invoke(args=["db", "current"])
    assert (result.exit_code, result.output) == (1, "Error: REFUND_API_THREADS must be a number\n")
    result = app.test_cli_runner().invoke(args=["db", "check", "--json"])
    assert (result.exit_code, json.loads(result.stdout)) == (1, {"problems": ["REFUND_API_THREADS must be a number"]})


def test_a_directory_that_cannot_be_made_is_told_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ClickException, match="cannot be made"):
        make_database_directory(f"sqlite:///{tmp_path}/file/refunds.db")
