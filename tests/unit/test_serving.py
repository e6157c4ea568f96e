"""gunicorn's configuration, and its hooks: who is warned about which address, and how an answer ends its connection."""

from __future__ import annotations

import json
import logging
import os
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from gunicorn.errors import AppImportError

from app import create_app, make_served_app
from refund_api import serving
from refund_api.ops import event_queue
from refund_api.serving import configuration, on_reload, post_worker_init, pre_request, settings_to_serve, when_ready
from refund_api.serving.gunicorn_server import GunicornServer
from refund_api.settings import Settings, SettingsError, served
from refund_api.storage.gate import threads_for

log = logging.getLogger("gunicorn.error")


@dataclass
class Listener:
    name: Any

    def getsockname(self) -> Any:
        return self.name


@dataclass
class Server:
    """As much of gunicorn's master, or of a worker, as the hooks see."""

    LISTENERS: list[Listener] = field(default_factory=list)
    log: logging.Logger = log


@pytest.mark.parametrize(
    "name", ["/run/refund-api.sock", b"\0abstract", ("127.0.0.1", 8000), ("127.9.9.9", 80), ("::1", 8000, 0, 0)]
)
def test_an_address_that_only_this_machine_reaches_is_no_news(name: Any, caplog: pytest.LogCaptureFixture) -> None:
    when_ready(Server([Listener(name)]))
    assert caplog.messages == []


def test_every_address_beyond_this_machine_is_in_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    names = [("0.0.0.0", 8000), ("127.0.0.1", 8000), ("10.1.2.3", 80), ("::", 8000, 0, 0), ("fe80::1%eth0", 80, 0, 2)]
    when_ready(Server([Listener(name) for name in names]))
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    start = "listening on 0.0.0.0:8000, 10.1.2.3:80, [::]:8000, [fe80::1%eth0]:80, beyond this machine: without a proxy"
    assert record.getMessage().startswith(start)


class Body:
    end_connection: Any = None


class Request:
    method, path = "POST", "/"

    def __init__(self) -> None:
        self.body = Body()
        self.must_close = False

    def force_close(self) -> None:
        self.must_close = True


def test_a_body_can_end_the_connection_of_its_request_and_no_other() -> None:
    request, other = Request(), Request()
    for each in (request, other):
        pre_request(Server(), each)
    request.body.end_connection()
    assert (request.must_close, other.must_close) == (True, False)


KEYS = json.dumps({"keys": [{"kid": "web", "scheme": "legacy", "secret": "the secret of this test"}]})


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A process that has not read its settings yet, and an environment that can serve."""
    monkeypatch.setattr(served, "_serving", None)
    for name in ("PORT", "WEB_CONCURRENCY", "GUNICORN_CMD_ARGS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REFUND_API_KEYS", KEYS)
    monkeypatch.setenv("REFUND_API_DATABASE_URL", f"sqlite:///{tmp_path}/never-opened.db")
    return monkeypatch


def test_the_configuration_goes_by_the_settings(start: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    given = configuration()
    assert (given["bind"], given["workers"], given["threads"]) == ("127.0.0.1:8000", os.cpu_count(), threads_for(4))
    start.setenv("PORT", "8123")
    start.setenv("WEB_CONCURRENCY", "3")
    start.setenv("REFUND_API_THREADS", "2")
    given = configuration()
    assert (given["bind"], given["workers"], given["threads"]) == ("0.0.0.0:8123", 3, threads_for(2))
    caplog.set_level("INFO")
    on_reload(Server())
    assert caplog.messages == ["active keys: web"]


def test_a_database_url_that_no_worker_could_use_is_refused_before_anything_listens(start: pytest.MonkeyPatch) -> None:
    start.setenv("REFUND_API_DATABASE_URL", "sqlite:////nowhere/at/all.db")
    with pytest.raises(SettingsError, match=r"^REFUND_API_DATABASE_URL: .*no directory /nowhere/at"):
        configuration()


def test_gunicorn_takes_every_name_of_the_configuration_and_options_go_before_it(start: pytest.MonkeyPatch) -> None:
    start.setenv("GUNICORN_CMD_ARGS", "--keep-alive 7 --workers 5")
    cfg = GunicornServer(["--workers", "6"], make_served_app).cfg
    assert (cfg.workers, cfg.keepalive, cfg.threads, cfg.address) == (6, 7, threads_for(4), [("127.0.0.1", 8000)])
    assert {name for name, value in configuration().items() if cfg.settings[name].get() != value} <= {
        "bind",  # a list of one
        "workers",
        "keepalive",
        "forwarder_headers",  # a list of none
        "worker_class",
    }


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (["wsgi:app"], 1, "there is nothing to name but options"),
        (["--colour"], 2, "unrecognized arguments: --colour"),
        (["-c", "/nowhere.py"], 1, "'/nowhere.py' doesn't exist"),
    ],
)
def test_what_gunicorn_cannot_take_ends_the_start(
    start: pytest.MonkeyPatch, options: list[str], status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        GunicornServer(options, make_served_app)
    assert ended.value.code == status
    assert words in capsys.readouterr().err


def test_each_worker_serves_an_application_of_its_own(start: pytest.MonkeyPatch) -> None:
    server = GunicornServer([], make_served_app)
    first, second = server.load(), server.load()
    assert first is not second
    assert isinstance(first, Flask) and isinstance(second, Flask)


def test_serve_runs_gunicorn_with_the_options_as_they_are(start: pytest.MonkeyPatch) -> None:
    run: list[Any] = []
    start.setattr(GunicornServer, "run", lambda server: run.append(server))
    start.setenv("WEB_CONCURRENCY", " ")
    result = create_app().test_cli_runner().invoke(args=["serve", "-w", "2", "--bind", "[::1]:80", "--print-config"])
    assert (result.exit_code, result.output) == (0, "")
    (server,) = run
    assert (server.cfg.workers, server.cfg.address, server.cfg.print_config) == (2, [("::1", 80)], True)
    start.setenv("WEB_CONCURRENCY", "many")
    assert create_app().test_cli_runner().invoke(args=["serve"]).exit_code == 1
    assert len(run) == 1


def test_under_a_gunicorn_that_has_not_read_our_configuration_nothing_is_served(start: pytest.MonkeyPatch) -> None:
    start.setitem(sys.modules, "gunicorn.arbiter", sys)
    with pytest.raises(AppImportError, match="Start it with: refund-api serve"):
        settings_to_serve()
    configuration()
    assert settings_to_serve() == Settings.from_environ()


def test_under_another_server_the_environment_is_read(start: pytest.MonkeyPatch) -> None:
    start.delitem(sys.modules, "gunicorn.arbiter", raising=False)
    assert settings_to_serve() == Settings.from_environ()


@dataclass
class Worker:
    """As much of a worker as post_worker_init sees."""

    age: int
    ppid: int = 4711
    sockets: tuple[str, ...] = ("http://127.0.0.1:8000", "unix:/run/refund-api.sock")
    log: logging.Logger = log

    class cfg:
        workers, threads = 3, 4


def test_every_worker_shall_end_with_its_master_and_the_first_one_tells_sizes_and_sockets(
    start: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    masters: list[int] = []
    told: list[Any] = []
    started: list[str] = []
    in_order: list[Worker] = []
    start.setattr(serving, "end_with_master", masters.append)
    start.setattr(serving, "end_in_order", in_order.append)
    start.setattr(serving, "tell_connections", lambda *sizes: told.append(sizes))
    start.setattr(event_queue, "start_threads", partial(started.append, "events"))
    for age in (1, 2, 3):
        post_worker_init(Worker(age))
    assert masters == [4711] * 3
    assert [worker.age for worker in in_order] == [1, 2, 3]
    assert started == ["events"] * 3
    assert told == [(3, 4, Settings.from_environ())]
    assert caplog.messages == ["ready: http://127.0.0.1:8000, unix:/run/refund-api.sock"]
