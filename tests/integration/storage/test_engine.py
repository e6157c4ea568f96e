"""URLs as people write them, and what make_engine makes of them."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from refund_api.storage.budget import Budget
from refund_api.storage.engines.postgres_connection import BoundedConnection
from refund_api.storage.engines.urls import forget_inherited, make_engine


def arguments(engine: Engine) -> dict[str, Any]:
    """What psycopg is called with."""
    _, found = engine.dialect.create_connect_args(engine.url)
    return dict(found)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_is_psycopg(scheme: str) -> None:
    engine = make_engine(f"{scheme}://u:p@h:5433/db", threads=3)
    assert engine.url.drivername == "postgresql+psycopg"
    found = arguments(engine)
    assert {name: found[name] for name in ("host", "port", "user", "password", "dbname")} == {
        "host": "h",
        "port": 5433,
        "user": "u",
        "password": "p",
        "dbname": "db",
    }
    assert engine.pool.size() == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p@h1:5432,h2:5433/db",
        "postgresql://u:p@h1:5432,h2:5433/db?target_session_attrs=read-write",
        "postgresql://u:p@/db?host=h1:5432&host=h2:5433",
    ],
)
def test_several_hosts_are_kept(url: str) -> None:
    found = arguments(make_engine(url, threads=1))
    assert (found["host"], found["port"], found["dbname"]) == ("h1,h2", "5432,5433", "db")


@pytest.mark.parametrize(
    ("hosts", "names", "ports"),
    [
        ("[::1]:5432,[fe80::2]:5433", "::1,fe80::2", "5432,5433"),
        ("[::1],h2:5433", "::1,h2", ",5433"),
        ("h1,h2", "h1,h2", ","),
        ("%2Frun%2Fa,%2Frun%2Fb:5433", "/run/a,/run/b", ",5433"),
    ],
)
def test_hosts_may_be_addresses_names_and_sockets_with_or_without_a_port(hosts: str, names: str, ports: str) -> None:
    found = arguments(make_engine(f"postgresql://u:p@{hosts}/db?sslmode=require", threads=1))
    assert (found["host"], found["port"], found["sslmode"], found["password"]) == (names, ports, "require", "p")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:secret@::1,h2/db",
        "postgresql://u:secret@h1:54x,h2/db",
        "postgresql://u:secret@h1,,h2/db",
        "postgresql://u:secret@/db?host=[::1]:5432&host=h2:5432",
    ],
)
def test_hosts_that_cannot_be_told_apart_are_refused_without_the_password(url: str) -> None:
    with pytest.raises(ValueError, match="IPv6") as caught:
        make_engine(url, threads=1)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("query", ["prepare_threshold=0", "row_factory=x", "sslmode=require&foo=secret"])
def test_an_option_that_libpq_does_not_know_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match=r"(prepare_threshold|row_factory|foo): not known to libpq") as caught:
        make_engine(f"postgresql://u:secret@h/db?{query}", threads=1)
    assert "secret" not in str(caught.value)


def test_text_is_utf8_whatever_the_url_says(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = options_of_connect(make_engine("postgresql://h/db?client_encoding=latin1", threads=1), monkeypatch)
    assert asked["client_encoding"] == "utf8"


def test_a_thread_finds_its_connection_or_hears_that_there_is_none_within_the_budget_of_a_lock(
    sqlite_engine: Engine, postgres_engine: Engine
) -> None:
    for engine in (sqlite_engine, postgres_engine):
        assert engine.pool.timeout() == Budget().lock  # type: ignore[attr-defined]


def test_an_unknown_database_is_refused_without_its_password() -> None:
    with pytest.raises(ValueError, match="neither sqlite nor postgresql") as caught:
        make_engine("mysql://u:secret@h/db", threads=1)
    assert "secret" not in str(caught.value)


def test_inherited_connections_are_left_alone_and_kept_open(sqlite_engine: Engine) -> None:
    with sqlite_engine.connect() as connection:
        before = sqlite_engine.pool
        forget_inherited(weakref.ref(sqlite_engine))
        assert sqlite_engine.pool is not before
        assert connection.scalar(text("SELECT 1")) == 1
    before.dispose()


def test_an_engine_that_is_gone_needs_no_forgetting() -> None:
    engine = make_engine("postgresql://h.invalid/db", threads=1)
    reference = weakref.ref(engine)
    del engine
    gc.collect()
    forget_inherited(reference)
    assert reference() is None


def test_nothing_is_opened_before_it_is_used() -> None:
    engine = make_engine("postgresql://h.invalid/db", threads=1)
    assert engine.pool.checkedin() == 0  # type: ignore[attr-defined]


def options_of_connect(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What psycopg is asked for, all defaults included."""
    asked: dict[str, object] = {}

    def refuse(*args: object, **options: object) -> None:
        asked.update(options)
        raise psycopg.OperationalError("not today")

    monkeypatch.setattr(BoundedConnection, "connect", refuse)
    with pytest.raises(DBAPIError):
        engine.connect()
    return asked


@pytest.mark.parametrize("query", ["?host=one&host=two", "?host=one,two&port=5432,5433"])
def test_several_hosts_are_asked_for_the_one_that_may_be_written(query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = options_of_connect(make_engine(f"postgresql://user@/db{query}", threads=1), monkeypatch)
    assert (asked["target_session_attrs"], asked["connect_timeout"]) == ("read-write", "2")


def test_what_the_url_says_of_a_connection_goes_before_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql://h/db?connect_timeout=5&application_name=shop"
    asked = options_of_connect(make_engine(url, threads=1), monkeypatch)
    assert (asked["connect_timeout"], asked["application_name"]) == ("5", "shop")
    assert {name: asked[name] for name in asked if "keepalives" in name or "tcp" in name} == {
        "keepalives_idle": "3",
        "keepalives_interval": "1",
        "keepalives_count": "3",
        "tcp_user_timeout": "6000",
    }
