"""What a node is told of a request, and what the client is shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from .asking import JSON, PATH, Answer, ask
from .site import TIMEOUT, Site, running_site

MADE = re.compile(r"[0-9a-f]{32}")


class Telling(BaseHTTPRequestHandler):
    """A node that tells what it was asked, and shows the request id to everybody."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        told = {"target": self.requestline.split()[1], "headers": self.headers.items(), "body": body.decode()}
        content = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Request-ID", self.headers["X-Request-ID"])
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def telling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Telling)
    server.daemon_threads = True
    Thread(target=server.serve_forever).start()
    try:
        with running_site(tmp_path_factory.mktemp("nginx") / "site", [f"127.0.0.1:{server.server_port}"]) as site:
            yield site
    finally:
        server.shutdown()
        server.server_close()


def told(answer: Answer) -> dict[str, list[str]]:
    """The headers that the node got: name -> all its values."""
    headers: dict[str, list[str]] = {}
    for name, value in json.loads(answer.content)["headers"]:
        headers.setdefault(name, []).append(value)
    return headers


def test_what_a_client_says_of_its_address_scheme_and_host_is_replaced(telling: Site) -> None:
    connection = telling.connection(TIMEOUT, source="127.0.0.9")
    forged = {"For": "203.0.113.7, 127.0.0.1", "Proto": "http", "Host": "evil.example"}
    headers = {f"X-Forwarded-{name}": value for name, value in forged.items()}
    connection.request("POST", PATH, b"{}", {**JSON, **headers, "Host": "refunds.example.com"})
    response = connection.getresponse()
    seen = told(Answer(response.status, {}, response.read()))
    connection.close()
    assert seen["X-Forwarded-For"] == ["127.0.0.9"]
    assert seen["X-Forwarded-Proto"] == ["https"]
    assert seen["X-Forwarded-Host"] == seen["Host"] == ["refunds.example.com"]


def test_headers_with_an_underscore_do_not_pass_for_others(telling: Site) -> None:
    seen = told(ask(telling, headers={**JSON, "X_Forwarded_For": "203.0.113.7", "X_Request_ID": "forged"}))
    assert not [name for name in seen if "_" in name]


def test_the_target_arrives_as_it_was_spelled(telling: Site) -> None:
    target = "//API/order/%63ancel/a%2eb//?x=%41&y"
    assert json.loads(ask(telling, path=target).content)["target"] == target


def test_a_chunked_body_arrives_whole_and_with_its_length(telling: Site) -> None:
    connection = telling.connection(TIMEOUT)
    connection.request("POST", PATH, iter([b"{", b"}"]), JSON, encode_chunked=True)
    answer = Answer(200, {}, connection.getresponse().read())
    connection.close()
    assert json.loads(answer.content)["body"] == "{}"
    assert told(answer)["Content-Length"] == ["2"]
    assert "Transfer-Encoding" not in told(answer)


def test_a_request_without_an_id_gets_one_that_its_client_is_not_shown(telling: Site) -> None:
    answer = ask(telling)
    (made,) = told(answer)["X-Request-ID"]
    assert MADE.fullmatch(made)
    assert "X-Request-ID" not in answer.headers
    assert telling.logged(made)["status"] == "200"


def test_a_client_that_sends_an_id_sees_it_again(telling: Site) -> None:
    answer = ask(telling, headers={**JSON, "X-Request-ID": "shop-4711"})
    assert told(answer)["X-Request-ID"] == ["shop-4711"]
    assert answer.headers["X-Request-ID"] == "shop-4711"
    assert ask(telling, path="/nowhere", headers={"X-Request-ID": "shop-4712"}).headers["X-Request-ID"] == "shop-4712"


@pytest.mark.parametrize("sent", ["a b", "x" * 65, '"}', "a;b"])
def test_an_id_that_could_do_harm_in_a_log_is_replaced_and_not_shown(telling: Site, sent: str) -> None:
    answer = ask(telling, headers={**JSON, "X-Request-ID": sent})
    assert MADE.fullmatch(told(answer)["X-Request-ID"][0])
    assert "X-Request-ID" not in answer.headers


def test_the_log_has_no_query_and_is_json(telling: Site) -> None:
    ask(telling, path=f'{PATH}/%22a"?sign=secret', headers={**JSON, "X-Request-ID": "with-a-query"})
    line = telling.logged("with-a-query")
    assert (line["method"], line["path"], line["status"]) == ("POST", f'{PATH}/%22a"', "200")
    assert "secret" not in telling.log()


def test_a_slow_start_of_a_node_marks_it_as_gone_for_nobody(tmp_path: Path) -> None:
    """With nginx's own max_fails a single time-out would keep the node out for ten seconds."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Telling, bind_and_activate=False)
    server.server_bind()
    server.daemon_threads = True
    with running_site(tmp_path / "site", [f"127.0.0.1:{server.server_port}"]) as site:
        assert ask(site).status == 503
        server.server_activate()
        Thread(target=server.serve_forever).start()
        try:
            assert ask(site).status == 200
        finally:
            server.shutdown()
            server.server_close()
