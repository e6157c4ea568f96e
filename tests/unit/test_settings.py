"""Settings: read from the environment, refused with words that help, silent about secrets."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from refund_api.settings import Settings, SettingsError, served
from refund_api.settings.served import read_serving_settings, serving_settings

SECRET = "0123456789abcdef-nobody-may-read-this"


def ring(secret: str = SECRET, kid: str = "web") -> str:
    return json.dumps({"keys": [{"kid": kid, "scheme": "legacy", "secret": secret}]})


def problem(environ: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ(environ)
    return str(caught.value)


def not_serving(settings: Settings) -> str:
    with pytest.raises(SettingsError) as caught:
        settings.for_serving()
    return str(caught.value)


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environ({}) == Settings(
        database_url="sqlite:///instance/refunds.db",
        keys=None,
        tolerance_seconds=300,
        legacy_sign=True,
        legacy_nonce_enforced=True,
        explain=False,
        log_level="INFO",
        threads=4,
        notice_days=30,
        trusted_proxies=0,
        workers=None,
        port=None,
        cors_origins=(),
        max_feed_age_seconds=None,
        keep_reasons_days=None,
    )


def test_every_setting_is_read() -> None:
    environ = {
        "REFUND_API_DATABASE_URL": "postgresql://refund@db/refunds",
        "REFUND_API_KEYS": ring(),
        "REFUND_API_TOLERANCE_SECONDS": "86400",
        "REFUND_API_NOTICE_DAYS": "45",
        "REFUND_API_MAX_FEED_AGE_SECONDS": "3600",
        "REFUND_API_KEEP_REASONS_DAYS": "400",
        "REFUND_API_LEGACY_SIGN": "off",
        "REFUND_API_LEGACY_NONCE": "observe",
        "REFUND_API_EXPLAIN": "1",
        "REFUND_API_LOG_LEVEL": "Debug",
        "REFUND_API_THREADS": "8",
        "REFUND_API_TRUSTED_PROXIES": "2",
        "REFUND_API_CORS_ORIGINS": "https://Shop.example:443",
        "WEB_CONCURRENCY": "3",
        "PORT": "8123",
    }
    assert Settings.from_environ(environ) == Settings(
        database_url="postgresql://refund@db/refunds",
        keys=ring(),
        tolerance_seconds=86400,
        legacy_sign=False,
        legacy_nonce_enforced=False,
        explain=True,
        log_level="DEBUG",
        threads=8,
        notice_days=45,
        max_feed_age_seconds=3600,
        keep_reasons_days=400,
        trusted_proxies=2,
        cors_origins=("https://shop.example",),
        workers=3,
        port=8123,
    )


def test_an_empty_value_counts_as_not_set_and_blanks_around_one_do_not_count() -> None:
    settings = Settings.from_environ({"REFUND_API_THREADS": "", "REFUND_API_TOLERANCE_SECONDS": " 60 "})
    assert (settings.threads, settings.tolerance_seconds) == (4, 60)


@pytest.mark.parametrize(
    "url",
    ["sqlite:///x.db", "sqlite:////srv/50%25/refunds.db", "postgresql+psycopg://u:p@/db?host=a&host=b"],
)
def test_a_database_url_stays_as_it_is(url: str) -> None:
    assert Settings.from_environ({"REFUND_API_DATABASE_URL": url}).database_url == url


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(ring() + "\n")
    (tmp_path / "url").write_text("postgresql://u@h/d\n")
    settings = Settings.from_environ(
        {
            "REFUND_API_KEYS_FILE": str(tmp_path / "keys"),
            "REFUND_API_DATABASE_URL_FILE": str(tmp_path / "url"),
        }
    )
    assert (settings.keys, settings.database_url) == (ring(), "postgresql://u@h/d")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("TOLERANCE_SECONDS", "5m", "must be a whole number from 1 to 86400, not '5m'"),
        ("TOLERANCE_SECONDS", "0", "must be a whole number from 1 to 86400, not '0'"),
        ("TOLERANCE_SECONDS", "86401", "must be a whole number from 1 to 86400"),
        ("TOLERANCE_SECONDS", "٣٠٠", "must be a whole number from 1 to 86400"),
        ("TOLERANCE_SECONDS", "9" * 5000, "must be a whole number from 1 to 86400"),
        ("THREADS", "-1", "must be a whole number from 1 to 64"),
        ("LEGACY_SIGN", "yes", "must be on or off, not 'yes'"),
        ("LEGACY_NONCE", "on", "must be enforce or observe, not 'on'"),
        ("EXPLAIN", "true", "must be 0 or 1, not 'true'"),
        ("LOG_LEVEL", "chatty", "must be debug or info or warning or error, not 'chatty'"),
        ("CORS_ORIGINS", "https://shop.example/", "has 'https://shop.example/', with something behind the host"),
        ("DATABASE_URL", "mysql://u@h/d", "must be sqlite:///path or postgresql://user@host/database"),
        ("DATABASE_URL", "refunds.db", "must be sqlite:///path or postgresql://user@host/database"),
    ],
)
def test_a_bad_value_is_refused_in_one_line_that_says_what_is_expected(name: str, value: str, words: str) -> None:
    text = problem({f"REFUND_API_{name}": value})
    assert text.startswith(f"REFUND_API_{name} {words}")
    assert "\n" not in text


@pytest.mark.parametrize("name", ["PORT", "WEB_CONCURRENCY"])
@pytest.mark.parametrize("value", ["http", "0", "-1", "8000.0", "99999999"])
def test_a_bad_number_without_the_prefix_is_refused_in_words_too(name: str, value: str) -> None:
    assert problem({name: value}).startswith(f"{name} must be a whole number from 1 to ")


def test_a_bad_database_url_is_not_shown_because_it_may_hold_a_password() -> None:
    assert "hunter2" not in problem({"REFUND_API_DATABASE_URL": "mysql://u:hunter2@h/d"})


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("REFUND_API_TOLERENCE_SECONDS", "did you mean REFUND_API_TOLERANCE_SECONDS?"),
        ("REFUND_API_KEY_FILE", "did you mean REFUND_API_KEYS_FILE?"),
        ("REFUND_API_THREADS_FILE", "did you mean REFUND_API_THREADS?"),
        ("REFUND_API_", "`refund-api settings` lists them."),
    ],
)
def test_an_unknown_name_is_refused_with_the_close_match(name: str, words: str) -> None:
    assert problem({name: "1"}) == f"{name} is not a setting; {words}"


def test_all_problems_are_listed_a_line_each() -> None:
    text = problem({"REFUND_API_THREADS": "many", "REFUND_API_EXPLAIN": "2", "REFUND_API_COLOUR": "red"})
    assert [line.split()[0] for line in text.splitlines()] == [
        "REFUND_API_COLOUR",
        "REFUND_API_EXPLAIN",
        "REFUND_API_THREADS",
    ]


def test_names_without_the_prefix_are_not_ours() -> None:
    assert Settings.from_environ({"REFUND": "x", "HOST": "1"}) == Settings.from_environ({})


OF_KUBERNETES = {
    "SERVICE_HOST": "10.96.0.7",
    "SERVICE_PORT": "8000",
    "SERVICE_PORT_HTTP": "8000",
    "PORT": "tcp://10.96.0.7:8000",
    "PORT_8000_TCP": "tcp://10.96.0.7:8000",
    "PORT_8000_TCP_PROTO": "tcp",
    "PORT_8000_TCP_PORT": "8000",
    "PORT_8000_TCP_ADDR": "10.96.0.7",
}


@pytest.mark.parametrize("service", ["REFUND_API", "REFUND_API_DB"])
def test_what_kubernetes_puts_into_a_pod_beside_a_service_of_our_name_is_ignored(service: str) -> None:
    environ = {f"{service}_{name}": value for name, value in OF_KUBERNETES.items()}
    assert Settings.from_environ(environ) == Settings()


def test_a_port_that_somebody_set_under_the_wrong_name_is_told() -> None:
    assert problem({"REFUND_API_PORT": "8123"}) == "REFUND_API_PORT is not a setting; did you mean PORT?"


def test_without_a_number_of_workers_there_is_one_for_each_core() -> None:
    assert Settings().worker_count == os.cpu_count()
    assert Settings(workers=3).worker_count == 3


def test_a_file_and_a_value_together_are_refused() -> None:
    text = problem({"REFUND_API_KEYS": ring(), "REFUND_API_KEYS_FILE": "keys.json"})
    assert text == "REFUND_API_KEYS and REFUND_API_KEYS_FILE are both set; keep one"


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file or directory"), (b"", "is empty"), (b"\n", "is empty"), (b"\xff", "it is not UTF-8")],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "keys.json"
    if content is not None:
        path.write_bytes(content)
    text = problem({"REFUND_API_KEYS_FILE": str(path)})
    assert text.startswith("REFUND_API_KEYS_FILE: ")
    assert str(path) in text
    assert words in text


def test_repr_shows_no_secret() -> None:
    settings = Settings(database_url=f"postgresql://u:{SECRET}@h/d", keys=ring())
    assert SECRET not in repr(settings)


def test_settings_with_a_strong_key_can_serve() -> None:
    settings = Settings(keys=ring())
    assert settings.for_serving() is settings


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (None, "There is no key ring: set REFUND_API_KEYS_FILE"),
        ("{", "REFUND_API_KEYS cannot be used: the key ring must be JSON"),
        (ring(kid="No Good"), "REFUND_API_KEYS cannot be used: key 1: kid must be"),
        ('{"keys": []}', "REFUND_API_KEYS: no key can ever sign: there is none."),
        (ring("fifteen bytes.."), "REFUND_API_KEYS: the secret of key web is shorter than 16 bytes"),
        (ring("test-key-0001"), "the secret of key web is a published sample."),
    ],
)
def test_settings_that_cannot_serve_say_what_to_do(keys: str | None, words: str) -> None:
    assert words in not_serving(Settings(keys=keys))


def test_every_weak_key_is_named_and_no_secret_is_shown() -> None:
    keys = {"keys": [{"kid": kid, "scheme": "legacy", "secret": f"short-{kid}"} for kid in ("a", "b")]}
    text = not_serving(Settings(keys=json.dumps(keys)))
    assert "key a " in text
    assert "key b " in text
    assert "short-" not in text
    assert "secrets.token_hex(32)" in text


def test_a_ring_of_nothing_but_legacy_keys_cannot_serve_with_the_legacy_scheme_off() -> None:
    text = not_serving(Settings(keys=ring(), legacy_sign=False))
    assert "no key can ever sign: key web is of the scheme legacy, which is switched off." in text


def test_a_key_file_that_everybody_can_read_is_warned_about_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "keys.json"
    path.write_text("\ufeff" + ring(), encoding="utf-8")
    path.chmod(0o640)
    settings = Settings.from_environ({"REFUND_API_KEYS_FILE": str(path)})
    settings.for_serving()
    assert caplog.messages == []
    path.chmod(0o644)
    settings.for_serving()
    assert caplog.messages == [
        f"REFUND_API_KEYS: everybody on this machine can read {path}; change that with: chmod o-rwx {path}"
    ]


def test_every_origin_is_warned_about_at_the_start(caplog: pytest.LogCaptureFixture) -> None:
    Settings(keys=ring(), cors_origins=("https://shop.example",)).for_serving()
    assert caplog.messages == []
    Settings(keys=ring(), cors_origins=("*",)).for_serving()
    assert caplog.messages == ["REFUND_API_CORS_ORIGINS is *: pages of every site may read the answers"]


def test_the_keys_that_may_sign_now_are_told() -> None:
    secrets = {"gone": ("legacy", "2020-01-01T00:00:00Z"), "old": ("legacy", None), "new": ("v2", None)}
    keys = [
        {"kid": kid, "scheme": scheme, "secret": f"{kid} key, as long as a v2 key has to be", "not_after": not_after}
        for kid, (scheme, not_after) in secrets.items()
    ]
    settings = Settings(keys=json.dumps({"keys": keys}))
    assert settings.active_kids() == ["old", "new"]
    assert replace(settings, legacy_sign=False).active_kids() == ["new"]
    assert Settings().active_kids() == []


def test_serving_keeps_the_former_settings_when_new_ones_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(served, "_serving", None)
    monkeypatch.setenv("REFUND_API_KEYS", '{"keys": [')
    with pytest.raises(SettingsError):
        serving_settings()
    monkeypatch.setenv("REFUND_API_KEYS", ring())
    first = serving_settings()
    monkeypatch.setenv("REFUND_API_KEYS", '{"keys": [')
    assert read_serving_settings() is first
    assert "the former ones stay" in caplog.text
    monkeypatch.setenv("REFUND_API_KEYS", ring())
    monkeypatch.setenv("REFUND_API_TOLERANCE_SECONDS", "60")
    assert serving_settings() is first, "a worker takes what its master has read"
    assert read_serving_settings().tolerance_seconds == 60
    assert serving_settings().tolerance_seconds == 60


def test_a_password_with_an_at_sign_must_be_escaped_and_is_not_shown() -> None:
    url = "postgresql://shop:top@secret@db.internal/refunds"
    with pytest.raises(SettingsError, match="%40") as caught:
        Settings.from_environ({"REFUND_API_DATABASE_URL": url})
    assert "secret" not in str(caught.value)
