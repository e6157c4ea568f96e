"""The composition root: what it needs, and when."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app import create_app, make_parts, make_unit_of_work
from refund_api.actions import CANCEL, Handler
from refund_api.cancel.handler import CancelOrder
from refund_api.parts import Parts
from refund_api.ports import utc_now
from refund_api.settings import Settings, SettingsError
from refund_api.signing.schemes import SCHEMES
from refund_api.storage.budget import Budget
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.questions import CONNECTIONS
from refund_api.storage.schema import upgrade
from tests.fakes import signed
from tests.figures import counted
from tests.integration.storage.given import at_once
from tests.wire import members_of, write_json
from tests.world import SECRET
from xml_contracts.refund import ApiResult

KEYS = json.dumps({"keys": [{"kid": "web", "scheme": "legacy", "secret": SECRET.decode()}]})
URL = "/api/order/cancel"


def test_with_a_handler_neither_key_nor_database_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFUND_API_NONSENSE", "1")
    client = create_app(handler=lambda reading, context: ApiResult(1, "ok")).test_client()
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
    assert counted(app, "signatures") == {("legacy", "no key matches"): 1}


def test_every_setting_of_the_ledger_reaches_the_handler(tmp_path: Path) -> None:
    settings = Settings.from_environ(
        {
            "REFUND_API_DATABASE_URL": f"sqlite:///{tmp_path}/refunds.db",
            "REFUND_API_LEGACY_SIGN": "off",
            "REFUND_API_LEGACY_NONCE": "observe",
            "REFUND_API_TOLERANCE_SECONDS": "77",
            "REFUND_API_THREADS": "3",
            "REFUND_API_NOTICE_DAYS": "45",
            "REFUND_API_MAX_FEED_AGE_SECONDS": "600",
        }
    )
    parts = make_parts(CANCEL, settings, unit_of_work := make_unit_of_work(settings))
    handler = CANCEL.make_handler(parts)
    assert isinstance(handler, CancelOrder)
    assert (handler.verifier.schemes, handler.enforce_nonce, handler.notice_days) == (
        SCHEMES.keys() - {"legacy"},
        False,
        45,
    )
    assert handler.max_feed_age == timedelta(minutes=10)
    assert handler.verifier.tolerance == timedelta(seconds=77)
    assert handler.unit_of_work is unit_of_work
    assert unit_of_work._budget == Budget()
    assert unit_of_work._engine.pool.size() == 3 + CONNECTIONS  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("settings", "warns_beyond"),
    [
        (Settings(), None),
        (Settings(tolerance_seconds=3600), None),
        (Settings(tolerance_seconds=86400), timedelta(seconds=300)),
    ],
)
def test_a_tolerance_of_a_day_is_a_demos(settings: Settings, warns_beyond: timedelta | None, tmp_path: Path) -> None:
    settings = replace(settings, database_url=f"sqlite:///{tmp_path}/refunds.db")
    assert make_parts(CANCEL, settings, make_unit_of_work(settings)).verifier.warns_beyond == warns_beyond


def test_four_first_requests_at_once_make_one_handler_and_one_engine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made: list[str] = []

    def make_slowly(url: str, *, threads: int) -> Engine:
        made.append("engine")
        time.sleep(0.1)
        return make_engine(url, threads=threads)

    def make_handler(parts: Parts) -> Handler:
        made.append("handler")
        time.sleep(0.1)
        return CANCEL.make_handler(parts)

    monkeypatch.setattr("app.make_engine", make_slowly)
    settings = Settings(database_url=f"sqlite:///{tmp_path}/refunds.db", keys=KEYS)
    app = create_app(settings, actions=(replace(CANCEL, make_handler=make_handler),))
    request = write_json(members_of(signed(at=utc_now())))
    answers = at_once([lambda: app.test_client().post(URL, data=request, content_type="application/json")] * 4)
    assert [getattr(answer, "status_code", answer) for answer in answers] == [503] * 4, "there is no database"
    assert sorted(made) == ["engine", "handler"]
