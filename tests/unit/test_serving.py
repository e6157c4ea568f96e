"""The hooks of gunicorn: who is warned about which address, and how an answer ends its connection."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

import pytest

from refund_api.serving import post_worker_init, pre_request, when_ready

log = logging.getLogger("gunicorn.error")


@dataclass
class Listener:
    name: Any

    def getsockname(self) -> Any:
        return self.name


@dataclass
class Worker:
    """As much of a worker as the hook sees that says it is ready."""

    age: int
    sockets: list[str]
    log: logging.Logger = log


def test_the_first_worker_alone_says_that_the_service_is_ready(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for age in (1, 2):
        post_worker_init(Worker(age, ["http://127.0.0.1:8000"]))
    assert caplog.messages == ["ready: http://127.0.0.1:8000"]


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
