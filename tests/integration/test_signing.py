"""Signed by the command, judged by the service: what a v2 sign may be used for, and that it leaves no nonce."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app import create_app
from refund_api.settings import Settings
from refund_api.storage.tables import request_nonce
from tests.unit.cli.running import Commands, order_line
from tests.world import ALICE, BOB, ORDER

OTHER_ORDER = "CTT2"
KEYS = json.dumps(
    {
        "keys": [
            {"kid": "web-2026a", "scheme": "v2", "secret": "the secret of a new client, long enough"},
            {"kid": "old-site", "scheme": "legacy", "secret": "what the old site has"},
        ]
    }
)


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    commands = Commands(tmp_path, keys=KEYS)
    commands.succeed("db", "upgrade")
    commands.succeed("orders", "import", "-", stdin=order_line() + order_line(OTHER_ORDER))
    return commands


def signed_by_command(commands: Commands, *arguments: str) -> dict[str, Any]:
    words = shlex.split(commands.succeed("sign", ORDER, "--passenger", ALICE, *arguments))
    members: dict[str, Any] = json.loads(words[words.index("--data-raw") + 1])
    return members


def answer(settings: Settings, members: dict[str, Any]) -> tuple[int, str | None]:
    """Code and refund number."""
    result = create_app(settings).test_client().post("/API/order/cancel/", json=members).get_json()
    return result["code"], result["data"]


def nonces(commands: Commands) -> int:
    with commands.engine() as engine, engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(request_nonce)) or 0


def test_a_v2_sign_is_a_request_that_may_be_repeated_and_serves_for_nothing_else(commands: Commands) -> None:
    members = signed_by_command(commands)
    assert members["sign"].startswith("v2.web-2026a.")
    for change in ({"order_number": OTHER_ORDER}, {"refund_passanger_ids": BOB}, {"refund_reason": None}):
        assert answer(commands.settings, members | change) == (1002, None)
    code, number = answer(commands.settings, members)
    assert (code, answer(commands.settings, members)) == (1, (1, number))
    assert nonces(commands) == 0


def test_with_the_legacy_scheme_off_only_v2_is_taken(commands: Commands) -> None:
    legacy, v2 = signed_by_command(commands, "--scheme", "legacy"), signed_by_command(commands)
    commands.legacy_sign = False
    assert answer(commands.settings, legacy) == (1002, None)
    assert answer(commands.settings, v2)[0] == 1
    commands.legacy_sign = True
    assert answer(commands.settings, legacy)[0] == 1
    assert nonces(commands) == 1
