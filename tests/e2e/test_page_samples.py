"""Every answer that the page of the action or /openapi.json shows is asked of a running gunicorn, in each format.

Each is compared to the byte, but for the number of a refund, which is new each time. The handler of the service fails
where the reason of a request says so; a second service has no database.
"""

from __future__ import annotations

import itertools
import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPResponse
from typing import Any

import pytest
from lxml import html

from refund_api.actions import CANCEL
from refund_api.cancel.description import DESCRIPTION
from refund_api.domain import CHINA
from refund_api.help.refusals import refusals, try_again
from refund_api.settings import Settings
from tests.demo_service import IDS, ORDER, demo_service, download
from tests.fakes import signed
from tests.servers import Gunicorn, gunicorn
from tests.unit.cli.running import order_line
from tests.wire import members_of, write_json
from tests.world import ALICE, BOB, STRANGER

SECRET = "a secret of the samples on the pages, legacy"
KEYS = [{"kid": "samples", "scheme": "legacy", "secret": SECRET}]
JSON, TIMEOUT = b"application/json", 60
NUMBER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SOON = (datetime.now(UTC).astimezone(CHINA).date() + timedelta(days=3)).isoformat()
ORDERS = [
    order_line("PARTLY"),
    order_line("TICKETED", state="ticketed"),
    json.dumps({**json.loads(order_line("SOON")), "train_date": SOON}),
]
numbers = itertools.count(1)


@dataclass(frozen=True)
class Services:
    """One with a ledger, and one whose database is away."""

    whole: Gunicorn
    away: Gunicorn


@dataclass(frozen=True)
class Sent:
    """A request as it stands on the wire, but for the headers Host and Accept."""

    headers: bytes
    body: bytes = b""
    line: bytes = b"POST /api/order/cancel"


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    folder, log = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("away") / "gunicorn.log"
    env = {"REFUND_API_DATABASE_URL": f"sqlite:///{folder}/none.db", "REFUND_API_KEYS": json.dumps({"keys": KEYS})}
    faulty = "tests.e2e.faulty:make_app()"
    with demo_service(folder, KEYS, target=faulty, more_lines=ORDERS) as whole, gunicorn("wsgi:app", log, env) as away:
        yield Services(whole, away)


def with_body(body: bytes, media_type: bytes = JSON) -> Sent:
    return Sent(b"Content-Type: %s\r\nContent-Length: %d" % (media_type, len(body)), body)


def cancelling(order: str, *ids: str, reason: str = "Plans changed", **changed: Any) -> Sent:
    """A request of this moment; members that are changed are so after it was signed."""
    secret, now = SECRET.encode(), datetime.now(UTC)
    request = signed(order, ",".join(ids), reason=reason, at=now, random=next(numbers), secret=secret)
    return with_body(write_json(members_of(request, **changed)))


def results() -> dict[str, Sent]:
    """Name of an answer of the action -> a request that gets it."""
    return {
        "ok": cancelling(ORDER, *IDS),
        "invalid_request": cancelling(ORDER, *IDS, order_number=None),
        "signature_rejected": cancelling(ORDER, *IDS, sign="0" * 64),
        "order_not_found": cancelling("NOT THERE", ALICE),
        "passenger_not_in_order": cancelling("PARTLY", STRANGER),
        "already_cancelled": cancelling("PARTLY", ALICE, BOB),
        "order_not_cancellable": cancelling("TICKETED", ALICE),
        "departs_too_soon": cancelling("SOON", ALICE),
        "try_again": cancelling(ORDER, *IDS),
    }


REFUSED = {
    "cut_short": Sent(b"Content-Type: application/json\r\nContent-Length: 9", b"{}"),
    "framing": Sent(b"Content-Type: application/json\r\nTransfer-Encoding: chunked", b"no length\r\n{}\r\n0\r\n\r\n"),
    "not_found": Sent(b"Content-Length: 0", line=b"POST /api/order/cancels"),
    "method": Sent(b"Content-Length: 0", line=b"GET /api/order/cancel"),
    "too_long": with_body(b" " * 65537),
    "media_type": with_body(b"x", b"text/plain"),
    "no_media_type": Sent(b"Content-Length: 1", b"x"),
    "content_encoding": Sent(b"Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 1", b"x"),
    "broken": cancelling(ORDER, *IDS, reason="value error"),
    "transfer_encoding": Sent(b"Transfer-Encoding: gzip, chunked", b"0\r\n\r\n"),
}
"""Name of an answer of the framework -> a request that gets it."""


@dataclass(frozen=True)
class Answered:
    """The status, the headers that the page names too, and the body."""

    status: int
    told_headers: list[str]
    text: str


def ask(server: Gunicorn, sent: Sent, format_name: str, host: str) -> Answered:
    """The answer to a client that sends this and no more."""
    head = b"%s HTTP/1.1\r\nHost: %s\r\nAccept: application/%s\r\n" % (sent.line, host.encode(), format_name.encode())
    with socket.create_connection((server.host, server.port), timeout=TIMEOUT) as connection:
        connection.sendall(head + sent.headers + b"\r\n\r\n" + sent.body)
        connection.shutdown(socket.SHUT_WR)
        response = HTTPResponse(connection)
        response.begin()
        told = [f"{name}: {value}" for name in ("Allow", "Retry-After") for value in response.headers.get_all(name, [])]
        return Answered(response.status, told, response.read().decode())


def in_table(server: Gunicorn, id_: str) -> dict[str, dict[str, str]]:
    """First two cells of each row, joined -> format -> the answer that is shown there."""
    page = html.document_fromstring(download(server, "/Help/Api/POST-api-order-cancel?lang=en").decode())
    return {
        " ".join(cell.text_content() for cell in row[:2]): {
            code.get("data-format", ""): code.text_content() for code in row[-1].iter("code")
        }
        for row in page.get_element_by_id(id_).xpath("./tbody/tr")
    }


def in_document(server: Gunicorn, format_name: str) -> dict[str, tuple[str, Any]]:
    """Name -> (status, the answer as JSON or as XML text), for every example of an answer in /openapi.json."""
    document = json.loads(download(server, "/openapi.json"))
    responses = document["paths"]["/api/order/cancel"]["post"]["responses"]
    return {
        name: (status, example["value"])
        for status, response in responses.items()
        for name, example in response["content"][f"application/{format_name}"]["examples"].items()
    }


@pytest.mark.parametrize("format_name", ["json", "xml"])
def test_each_answer_shown_for_a_code_is_what_the_service_sends(services: Services, format_name: str) -> None:
    ask(services.whole, cancelling("PARTLY", ALICE), "json", "localhost")
    rows, document = in_table(services.whole, "codes-table"), in_document(services.whole, format_name)
    possible = [*DESCRIPTION.results(Settings()), try_again(CANCEL)]
    requests = results()
    assert len(rows) == len(possible) == len(requests)
    for result in possible:
        server = services.away if result.name == "try_again" else services.whole
        answer = ask(server, requests[result.name], format_name, "localhost")
        row = rows[f"{result.result.code:d} {result.meaning.en}"]
        assert NUMBER.sub("NUMBER", answer.text) == NUMBER.sub("NUMBER", row[format_name])
        status, example = document[result.name]
        assert str(answer.status) == status
        assert NUMBER.sub("NUMBER", answer.text) == NUMBER.sub("NUMBER", as_sent(example))
        assert answer.told_headers == (["Retry-After: 2"] if result.name == "try_again" else [])


@pytest.mark.parametrize("format_name", ["json", "xml"])
def test_each_answer_shown_for_a_refusal_is_what_the_service_sends(services: Services, format_name: str) -> None:
    rows, document = in_table(services.whole, "refusals-table"), in_document(services.whole, format_name)
    refused = refusals(CANCEL, services.whole.url)
    assert len(rows) == sum(map(len, refused.values())) == len(REFUSED)
    for status, reasons in refused.items():
        for reason in reasons:
            answer = ask(services.whole, REFUSED[reason.name], format_name, services.whole.address)
            row = rows[f"{status} {reason.meaning.en}{''.join(answer.told_headers)}"]
            assert (answer.status, answer.text) == (status, row[format_name]), reason.name
            anywhere = ask(services.whole, REFUSED[reason.name], format_name, "localhost")
            told_status, example = document[reason.name]
            assert (str(anywhere.status), anywhere.text) == (told_status, as_sent(example)), reason.name


def as_sent(example: Any) -> str:
    """An example of /openapi.json as the service writes it."""
    return example if isinstance(example, str) else json.dumps(example, ensure_ascii=False, separators=(",", ":"))


@pytest.mark.parametrize("format_name", ["json", "xml", "form"])
def test_the_sample_of_each_request_format_reaches_the_action(services: Services, format_name: str) -> None:
    page = html.document_fromstring(download(services.whole, "/Help/Api/POST-api-order-cancel").decode())
    types = {"json": JSON, "xml": b"application/xml", "form": b"application/x-www-form-urlencoded"}
    sample = page.get_element_by_id(f"request-{format_name}").text_content().encode()
    answer = ask(services.whole, with_body(sample, types[format_name]), "json", "localhost")
    assert json.loads(answer.text)["message"] == (
        "Invalid request: refund_passanger_ids: must be 1 to 64 GUIDs separated by commas; "
        "time_stamp: must be a UTC time as yyyyMMddHHmmss"
    ), "all that is wrong with it is what makes it a sample"
