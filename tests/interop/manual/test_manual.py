"""What docs/operations.md tells an operator to type installs, upgrades, backs up and restores the service.

The tests are chapters of one story, on one machine, in the order in which they stand here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import ROOT
from tests.unit.cli.running import order_line
from tests.world import ALICE, BOB

from .machine import Machine, running_machine
from .page import IN_BLOCKS, IN_FILES, blocks
from .systemctl import stop

INSTALL, FEED, UPGRADE = "Install on one machine", "The order feed", "Upgrade and rollback"
KEY, BACKUP = "Changing a key", "Backup and restore"
REFUND_API = '"$MACHINE/usr/local/sbin/refund-api"'
AS_OWNER = f'REFUND_API_DATABASE_URL_FILE="$MACHINE/etc/refund-api/database-url-owner" {REFUND_API}'
SITE = "https://localhost:8443"
TO_THE_SITE = """sed 's,^curl ,curl -sS --cacert "$MACHINE/authority.pem" --connect-to "::$ADDRESS:8443" ,' | sh"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine on which the service was installed as the page says; what it printed is in its root, in `installed`."""
    with running_machine(tmp_path_factory.mktemp("machine")) as made:
        (made.root / "installed").write_text(made.follows(*blocks(INSTALL)))
        yield made


def cancel(machine: Machine, order: str, passenger: str) -> tuple[int, str | None]:
    """Code and refund number of a cancellation through nginx."""
    signed = f"{REFUND_API} sign {order} --passenger {passenger} --url {SITE}"
    answer = json.loads(machine.types(f"{signed} | {TO_THE_SITE}"))
    return answer["code"], answer["data"]


@pytest.fixture(scope="module")
def refunded(machine: Machine) -> str:
    """Number of the refund of ALICE, in the order `before`, that was recorded before anything else happened."""
    (machine.root / "orders.jsonl").write_text(order_line("before") + order_line("later"))
    machine.types(f'{AS_OWNER} orders import "$MACHINE/orders.jsonl"')
    code, number = cancel(machine, "before", ALICE)
    assert code == 1 and number
    return number


def test_the_steps_install_a_service_that_answers_through_nginx(machine: Machine) -> None:
    printed = (machine.root / "installed").read_text()
    assert "The database is ready." in printed
    assert printed.count('{"ready": true, "reasons": []}') == 2
    assert json.loads(printed[printed.rindex('{"code"') :])["code"] == 1001


def test_what_is_installed_refunds_and_the_role_of_the_service_may_do_what_it_must(
    machine: Machine, refunded: str
) -> None:
    assert cancel(machine, "before", ALICE) == (1, refunded)
    assert 'refund_api_outbox_rows{state="new"} 1.0' in machine.types("curl -sS http://$ADDRESS:8001/metrics")
    machine.types("psql -d refunds -c \"UPDATE refund SET recorded_at = recorded_at - interval '2 days'\"")
    purged = machine.types(f"REFUND_API_KEEP_REASONS_DAYS=1 {REFUND_API} db purge")
    assert "expired nonces deleted" in purged and "1 reasons of refunds removed" in purged
    assert "The ledger is right." in machine.types(f"{REFUND_API} audit")


def test_the_role_of_the_service_cannot_change_what_was_paid_or_refunded(machine: Machine, refunded: str) -> None:
    for statement in (
        "UPDATE passenger SET paid_minor = 0",
        "UPDATE refund SET amount_minor = 0",
        "DELETE FROM refund_item",
        "DROP TABLE feed",
    ):
        done = machine.types(f'psql "$(cat $MACHINE/etc/refund-api/database-url)" -c "{statement}" || true')
        assert "permission denied" in done or "must be owner" in done, statement


def test_the_unit_of_the_feed_imports_what_the_shop_has_exported(machine: Machine) -> None:
    prepare, begin = blocks(FEED)
    machine.follows(prepare)
    (machine.root / "var/spool/refund-api/orders").write_text(order_line("exported"))
    assert "1 new, " in machine.follows(begin)
    assert "Order exported: booked" in machine.types(f"{REFUND_API} orders show exported")


def test_an_upgrade_and_its_rollback_restart_a_node_at_a_time(machine: Machine, refunded: str) -> None:
    upgrade, rollback = blocks(UPGRADE)
    assert machine.follows(upgrade).count('"ready": true') == 2
    assert (machine.root / "opt/refund-api/current").readlink() == Path("2")
    assert machine.follows(rollback).count('"ready": true') == 2
    assert (machine.root / "opt/refund-api/current").readlink() == Path("1")
    assert cancel(machine, "before", ALICE) == (1, refunded)


def test_a_new_key_counts_after_the_steps_for_it(machine: Machine, refunded: str) -> None:
    path = machine.root / "etc/refund-api/keys.json"
    ring = json.loads(path.read_text())
    path.write_text(
        json.dumps(
            {"keys": [{"kid": "web-2", "scheme": "v2", "secret": "another secret, of 32 bytes or more"}, *ring["keys"]]}
        )
    )
    machine.follows(*blocks(KEY))
    signed = f"{REFUND_API} sign before --kid web-2 --passenger {ALICE} --url {SITE}"
    assert '"code":1,' in machine.types(f"{signed} | {TO_THE_SITE}")


def test_a_wrong_key_ring_is_told_before_a_node_is_restarted(machine: Machine) -> None:
    path = machine.root / "etc/refund-api/keys.json"
    right = path.read_text()
    path.write_text("{}")
    with pytest.raises(AssertionError, match="keys"):
        machine.follows(*blocks(KEY))
    path.write_text(right)
    assert '"ready": true' in machine.types("curl -sS http://$ADDRESS:8001/readyz")


def test_a_destroyed_postgresql_ledger_comes_back_from_its_backup(machine: Machine, refunded: str) -> None:
    backup, restore = blocks(BACKUP)[:2]
    machine.follows(backup)
    assert cancel(machine, "later", BOB)[0] == 1
    machine.types("psql -d refunds -c 'DROP TABLE refund_item CASCADE'")
    assert cancel(machine, "before", BOB) == (3001, None)
    assert "The ledger is right." in machine.follows(restore)
    machine.types("curl -sf --retry 30 --retry-delay 1 --retry-connrefused http://$ADDRESS:8001/readyz")
    assert cancel(machine, "before", ALICE) == (1, refunded)
    lost = machine.types(f"{REFUND_API} orders show later")
    assert "Refunds\n  none" in lost, "what was recorded after the backup is not in it, as the page says"


def test_a_destroyed_sqlite_ledger_comes_back_from_its_backup(machine: Machine) -> None:
    backup, restore = blocks(BACKUP)[2:]
    ledger = machine.root / "var/lib/refund-api/refunds.db"
    url = machine.root / "etc/refund-api/database-url"
    of_postgresql = url.read_text()
    url.write_text(f"sqlite:///{ledger}")
    try:
        machine.types(f'{REFUND_API} db upgrade; {REFUND_API} orders import "$MACHINE/orders.jsonl"')
        machine.follows(backup)
        ledger.write_bytes(b"nothing of a ledger")
        ledger.with_name("refunds.db-journal").write_bytes(b"of another file")
        assert "The ledger is right." in machine.follows(restore)
        assert not ledger.with_name("refunds.db-journal").exists()
        assert "before" in machine.types(f"{REFUND_API} orders show before")
    finally:
        stop(machine.root, "refund-api@1")
        stop(machine.root, "refund-api@2")
        url.write_text(of_postgresql)


def test_nothing_is_replaced_that_is_not_there() -> None:
    typed = "\n".join(block for title in (INSTALL, FEED, UPGRADE, KEY, BACKUP) for block in blocks(title))
    files = "\n".join(path.read_text() for path in _shipped())
    assert [pattern for pattern, _ in IN_BLOCKS if not re.search(pattern, typed, re.MULTILINE)] == []
    assert [pattern for pattern, _ in IN_FILES if not re.search(pattern, files, re.MULTILINE)] == []


def _shipped() -> Iterator[Path]:
    return (path for path in (ROOT / "deploy").rglob("*") if path.is_file())
