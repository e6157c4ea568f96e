"""The composition root: what it needs, and when."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from app import create_app, make_handler
from refund_api.ports import utc_now
from refund_api.settings import Settings, SettingsError
from refund_api.storage.budget import Budget
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.schema import upgrade
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.fakes import SECRET, signed
from tests.wire import members_of, write_json
from xml_contracts.refund import ApiResult

KEYS = json.dumps({"keys": [{"kid": "web", "scheme": "legacy", "secret": SECRET.decode()}]})
URL = "/api/order/cancel"


def test_with_a_handler_neither_key_nor_database_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFUND_API_NONSENSE", "1")
    client = create_app(handler=lambda bound: ApiResult(1, "ok")).test_client()
    assert client.post(URL, json={}).get_json() == {"code": 1, "message": "ok", "data": None}


def test_without_settings_the_environment_is_read_by_the_first_request(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REFUND_API_DATABASE_URL", f"sqlite:///{tmp_path}/later/refunds.db")
    monkeypatch.setenv("REFUND_API_KEYS", KEYS)
    client = create_app().test_client()
    (tmp_path / "later").mkdir()
    upgrade(make_engine(f"sqlite:///{tmp_path}/later/refunds.db", threads=1))
    request = write_json(members_of(signed(at=utc_now())))
    assert client.post(URL, data=request, content_type="application/json").get_json()["code"] == 2001


def test_a_wrong_setting_does_not_keep_the_application_from_being_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFUND_API_TOLERANCE_SECONDS", "soon")
    assert create_app().test_cli_runner() is not None
    with pytest.raises(SettingsError, match="TOLERANCE_SECONDS"):
        Settings.from_environ()


def test_without_a_key_every_signature_is_rejected(tmp_path: Path) -> None:
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path}/refunds.db"))
    request = write_json(members_of(signed(at=utc_now())))
    assert app.test_client().post(URL, data=request, content_type="application/json").get_json()["code"] == 1002
    assert app.extensions["refund_api"] == {("signature_rejected", "no key matches"): 1}


def test_every_setting_of_the_ledger_reaches_the_handler(tmp_path: Path) -> None:
    settings = Settings.from_environ(
        {
            "REFUND_API_DATABASE_URL": f"sqlite:///{tmp_path}/refunds.db",
            "REFUND_API_LEGACY_SIGN": "off",
            "REFUND_API_LEGACY_NONCE": "observe",
            "REFUND_API_TOLERANCE_SECONDS": "77",
            "REFUND_API_THREADS": "3",
        }
    )
    handler = make_handler(settings)
    assert (handler.verifier.schemes, handler.enforce_nonce) == (frozenset(), False)
    assert handler.verifier.tolerance == timedelta(seconds=77)
    unit_of_work = handler.unit_of_work
    assert isinstance(unit_of_work, SqlUnitOfWork)
    assert unit_of_work._budget == Budget()
    assert unit_of_work._engine.pool.size() == 3  # type: ignore[attr-defined]
