"""What people read about the settings is what the declaration says, and a setting is shown without its secret."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import Result

from app import create_app
from refund_api.settings import VARIABLES, Settings
from refund_api.settings.masks import url_without_password
from tests import settings_pages


def test_the_example_file_is_made_from_the_declaration() -> None:
    assert settings_pages.EXAMPLE.read_text(encoding="utf-8") == settings_pages.env_example(), "make settings-pages"


def test_the_table_in_the_manual_is_made_from_the_declaration() -> None:
    assert settings_pages.table() in settings_pages.PAGE.read_text(encoding="utf-8"), "make settings-pages"


def test_the_page_stays_as_it_is_around_the_table() -> None:
    before, after = (settings_pages.page_with(made).split(made) for made in ("old table\n", "new table\n"))
    assert before == after
    assert settings_pages.page_with(settings_pages.table()) == settings_pages.PAGE.read_text(encoding="utf-8")


def test_the_example_file_as_it_stands_gives_the_defaults() -> None:
    lines = re.findall(r"^#([A-Z_]+)=(.*)$", settings_pages.env_example(), re.MULTILINE)
    assert Settings.from_environ(dict(lines)) == Settings()
    assert {name for name, _ in lines} == {name for variable in VARIABLES.values() for name in variable.names}


def shown(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], *arguments: str) -> Result:
    for name in ("PORT", "WEB_CONCURRENCY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return create_app().test_cli_runner().invoke(args=["settings", *arguments])


def test_each_setting_is_printed_with_its_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text('{"keys": []}')
    environ = {"REFUND_API_KEYS_FILE": str(keys), "REFUND_API_EXPLAIN": "1", "REFUND_API_LOG_LEVEL": "WARNING"}
    printed = json.loads(shown(monkeypatch, environ, "--json").stdout)
    assert list(printed) == [variable.name for variable in VARIABLES.values()]
    assert printed["REFUND_API_KEYS"] == {"value": "***", "source": "file", "file": str(keys)}
    assert printed["REFUND_API_EXPLAIN"] == {"value": "1", "source": "environment", "file": None}
    assert printed["REFUND_API_LOG_LEVEL"]["value"] == "warning"
    assert printed["REFUND_API_LEGACY_NONCE"] == {"value": "enforce", "source": "default", "file": None}
    assert printed["WEB_CONCURRENCY"] == {"value": None, "source": "default", "file": None}


def test_for_people_a_setting_is_a_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    url = tmp_path / "url"
    url.write_text("postgresql://refunds:hunter2@db/refunds")
    lines = shown(monkeypatch, {"REFUND_API_DATABASE_URL_FILE": str(url), "PORT": "8123"}).stdout.splitlines()
    assert len(lines) == len(VARIABLES)
    assert lines[0].split() == ["REFUND_API_DATABASE_URL", "postgresql://refunds:***@db/refunds", "file", str(url)]
    assert lines[-1].split() == ["PORT", "8123", "environment"]


def test_settings_that_cannot_be_used_are_told_and_nothing_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    result = shown(monkeypatch, {"WEB_CONCURRENCY": "many", "REFUND_API_THREADS": "0"}, "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "Error: REFUND_API_THREADS must be a whole number from 1 to 64, not '0'\n"
        "WEB_CONCURRENCY must be a whole number from 1 to 1024, not 'many'\n"
    )


@pytest.mark.parametrize(
    ("url", "printed"),
    [
        ("postgresql://u:hunter2@h/d", "postgresql://u:***@h/d"),
        ("postgresql://:hunter2@h/d", "postgresql://:***@h/d"),
        ("postgresql://u:hunter2:hunter2/hunter2@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u:hunter2@h1:5432,h2:5432/d?sslmode=require", "postgresql://u:***@h1:5432,h2:5432/d?sslmode=require"),
        ("postgresql://u@h:5432/d?password=hunter2&sslmode=require", "postgresql://u@h:5432/d?password=***&sslmode=require"),
        ("postgresql://u@h/d?sslmode=require&sslpassword=hunter2", "postgresql://u@h/d?sslmode=require&sslpassword=***"),
        ("postgresql://u@h/d?p%61ssWORD=hunter2;x=1", "postgresql://u@h/d?p%61ssWORD=***;x=1"),
        ("postgresql://u@h/d?oauth_client_secret=hunter2", "postgresql://u@h/d?oauth_client_secret=***"),
        ("postgresql://u@[::1]:5432/d", "postgresql://u@[::1]:5432/d"),
        ("sqlite:////srv/refunds.db", "sqlite:////srv/refunds.db"),
    ],
)  # fmt: skip
def test_a_database_url_is_shown_without_any_password(url: str, printed: str) -> None:
    assert url_without_password(url) == printed


def test_no_secret_of_any_setting_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES.values():
        if variable.mask:
            assert "hunter2" not in variable.mask("postgresql://u:hunter2@h/d")
    environ = {"REFUND_API_KEYS": "hunter2", "REFUND_API_DATABASE_URL": "postgresql://u:hunter2@h/d?password=hunter2"}
    for arguments in ((), ("--json",)):
        result = shown(monkeypatch, environ, *arguments)
        assert result.exit_code == 0
        assert "hunter2" not in result.output
