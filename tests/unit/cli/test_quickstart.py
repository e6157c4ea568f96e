"""The command `quickstart`: what it makes, what it prints, and with which settings it serves."""

from __future__ import annotations

import json
import socket
import stat
from pathlib import Path

import pytest
from click import ClickException

from refund_api.cli import quickstart
from refund_api.settings import Settings
from tests.servers import free_port

from .running import Commands, key_ring
from .test_sign import ORDER_NUMBER, read_json

KEYS = Path("instance", "keys.json")


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Commands in an empty directory."""
    monkeypatch.chdir(tmp_path)
    return Commands(tmp_path)


def command() -> tuple[str, ...]:
    return ("quickstart", "--port", str(free_port()))


def requests_of(output: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith("curl ")]


def test_it_prints_one_request_a_format_for_different_orders(commands: Commands) -> None:
    output = commands.succeed(*command())
    numbers = {read(line) for read, line in zip(ORDER_NUMBER.values(), requests_of(output), strict=True)}
    assert len(numbers) == 3
    assert stat.S_IMODE(KEYS.stat().st_mode) == 0o600
    assert json.loads(KEYS.read_text())["keys"][0]["secret"] not in output


def test_it_serves_with_the_settings_of_the_demo_and_none_of_the_shell(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("DATABASE_URL", "postgresql://the.shop/refunds"), ("KEYS", "{}"), ("EXPLAIN", "0")):
        monkeypatch.setenv(f"REFUND_API_{name}", value)
    monkeypatch.setenv("PORT", "http")
    monkeypatch.setenv("WEB_CONCURRENCY", "3")
    port = free_port()
    commands.succeed("quickstart", "--port", str(port))
    ((options, environ),) = commands.served
    assert options == ["--bind", f"127.0.0.1:{port}"]
    assert Settings.from_environ(environ) == Settings(
        keys=KEYS.read_text().strip(),
        keys_file=KEYS,
        tolerance_seconds=86400,
        explain=True,
        help="demo",
        workers=3,
    )


def test_it_may_run_again_and_never_changes_a_key(commands: Commands) -> None:
    KEYS.parent.mkdir()
    KEYS.write_text(key_ring())
    for _ in range(2):
        assert "Paste a line into another terminal" in commands.succeed(*command())
    assert KEYS.read_text() == key_ring()
    assert len(commands.served) == 2


def test_it_passes_over_orders_that_have_a_refund(commands: Commands) -> None:
    first = read_json(requests_of(commands.succeed(*command()))[0])
    commands.refund(order_number=str(first["order_number"]), passenger_id=str(first["refund_passanger_ids"])[:36])
    again = read_json(requests_of(commands.succeed(*command()))[0])
    assert again["order_number"] != first["order_number"]


def test_it_says_when_no_order_is_left(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quickstart, "DEFAULT_COUNT", 2)
    assert "all cancelled" in commands.fail(*command())
    assert commands.served == []


def test_a_port_that_is_taken_is_refused_before_anything_is_made(commands: Commands) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        output = commands.fail("quickstart", "--port", str(port))
    other = port + 1
    assert output == f"Error: Port {port} is taken; for another one: make run PORT={other}, or --port {other}\n"
    assert list(commands.folder.iterdir()) == []


@pytest.mark.parametrize("port", ["abc", "99999", "0", "-1", "8000 --bind"])
def test_what_is_no_port_is_refused(commands: Commands, port: str) -> None:
    result = commands.run("quickstart", "--port", port)
    assert (result.exit_code, commands.served) == (2, [])
    assert "'--port'" in result.output


def test_it_names_a_key_ring_that_it_cannot_read(commands: Commands) -> None:
    KEYS.parent.mkdir()
    KEYS.write_bytes(b"\xff")
    assert "cannot be read" in commands.fail(*command())


def test_it_says_what_to_do_about_a_key_ring_that_was_never_written(commands: Commands) -> None:
    KEYS.parent.mkdir()
    KEYS.touch()
    assert commands.fail(*command()) == f"Error: The key ring {KEYS} is empty; remove it, and a new one is made\n"


def test_it_says_where_it_cannot_make_a_key_ring(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ClickException, match="cannot be made"):
        quickstart.demo_keys(tmp_path / "file" / "folder" / "keys.json")
