"""`make bench-codec`: the codecs against their floor and their peers, the WSGI call against bare Flask.

Everything is measured in one run; trust the ratios, not the microseconds.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import flask
import marshmallow
from lxml import etree

from app import create_app
from benchmarks import peers
from benchmarks.measure import Goal, medians
from refund_api.context import RequestContext
from refund_api.http.formatters import formatters_for
from refund_api.signing.keys import Key, KeyRing
from refund_api.signing.legacy import sign_legacy
from refund_api.signing.verifier import Verifier
from xml_contracts import DataContractSerializer
from xml_contracts.reading import Reading
from xml_contracts.refund import ApiResult, Terminal, TicketRefundRequest

JSON, _, FORM = formatters_for(TicketRefundRequest, ApiResult)

SECRET = b"a shared secret of thirty-two b."
NOW = datetime(2026, 11, 23, 8, 10, 22, tzinfo=UTC)
TIME_STAMP = "20261123081022"
REQUEST = TicketRefundRequest(
    terminal=Terminal.WEBPAGEEnum,
    time_stamp=TIME_STAMP,
    random=10482,
    sign=sign_legacy(SECRET, random=10482, time_stamp=TIME_STAMP, terminal=1),
    order_number="CTT20261123011807591",
    refund_passanger_ids="3288010F-2D18-4900-890E-68025C5C3130",
    refund_reason="行程有变 change of plan",
)
RESULT = ApiResult(1, "Cancelled", "0b7e5a34-3a8e-4a55-9c0e-3b0a3c9f1d11")


def request_xml() -> bytes:
    return DataContractSerializer(TicketRefundRequest).write(REQUEST)


def request_json() -> bytes:
    return json.dumps({**asdict(REQUEST), "terminal": 1}, ensure_ascii=False).encode()


def request_form() -> bytes:
    return urlencode({**asdict(REQUEST), "terminal": 1}).encode()


def xml_floor(body: bytes) -> Callable[[], object]:
    """lxml's parse and one walk over the tree: what any reader on lxml must pay."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)

    def read() -> object:
        return [(element.tag, element.text) for element in etree.fromstring(body, parser)]

    return read


class HandWritten(marshmallow.Schema):
    """What one would write without a declaration to compile."""

    order_number = marshmallow.fields.String(allow_none=True)
    refund_passanger_ids = marshmallow.fields.String(allow_none=True)
    refund_reason = marshmallow.fields.String(allow_none=True)
    terminal = marshmallow.fields.Integer()
    time_stamp = marshmallow.fields.String(allow_none=True)
    random = marshmallow.fields.Integer()
    sign = marshmallow.fields.String(allow_none=True)


def bench_xml_read() -> tuple[dict[str, float], list[Goal]]:
    body = request_xml()
    serializer = DataContractSerializer(TicketRefundRequest)
    assert serializer.read(body) == REQUEST
    peer_calls = {name: lambda read=read: read(body) for name, read in peers.XML_READERS.items()}
    times = medians(
        {"floor: lxml parse + one walk": xml_floor(body), "xml_contracts": lambda: serializer.read(body), **peer_calls}
    )
    ours = times["xml_contracts"]
    goals = [Goal("XML read, times the floor", ours / times["floor: lxml parse + one walk"], 2.5)]
    goals += [Goal(f"XML read, times {name}", ours / times[name], 1.0) for name in peers.XML_READERS]
    return times, goals


def bench_xml_write() -> tuple[dict[str, float], list[Goal]]:
    serializer = DataContractSerializer(ApiResult)
    head, _, rest = serializer.write(RESULT).decode().partition("<code>")
    end = rest.rpartition("</message>")[2]

    def f_string() -> bytes:
        code, message, data = RESULT.code, RESULT.message, RESULT.data
        return f"{head}<code>{code}</code><data>{data}</data><message>{message}</message>{end}".encode()

    assert f_string() == serializer.write(RESULT)
    times = medians({"an f-string, nothing escaped": f_string, "xml_contracts": lambda: serializer.write(RESULT)})
    return times, [Goal("XML write, µs", times["xml_contracts"], 3.0)]


def bench_json_read() -> tuple[dict[str, float], list[Goal]]:
    body, form = request_json(), request_form()
    assert JSON.read(body, "utf-8") == Reading(REQUEST)
    assert FORM.read(form, "utf-8") == Reading(REQUEST)
    hand_written = HandWritten()
    times = medians(
        {
            "json.loads": lambda: json.loads(body),
            "json.loads + a hand-written marshmallow schema": lambda: hand_written.load(json.loads(body)),
            "JSON formatter": lambda: JSON.read(body, "utf-8"),
            "form formatter": lambda: FORM.read(form, "utf-8"),
        }
    )
    return times, []


def bench_wsgi() -> tuple[dict[str, float], list[Goal]]:
    verifier = Verifier(KeyRing((Key("bench", "legacy", SECRET),)), timedelta(seconds=300), "/api/order/cancel")

    def handler(reading: Reading[TicketRefundRequest], context: RequestContext) -> ApiResult:
        assert reading.value is not None
        verifier.verify(reading.value, NOW)
        return RESULT

    service = create_app(handler=handler)
    bare = flask.Flask("bare")
    answer = JSON.write(RESULT, "utf-8") if JSON.write else b""
    bare.post("/api/order/cancel")(lambda: flask.Response(answer, content_type="application/json; charset=utf-8"))
    bodies = {
        "XML": ("application/xml; charset=utf-8", request_xml(), 2.5),
        "form": ("application/x-www-form-urlencoded; charset=UTF-8", request_form(), 2.5),
        "JSON": ("application/json; charset=utf-8", request_json(), 3.0),
    }
    calls = {"bare Flask view, constant bytes": wsgi_call(bare, *bodies["JSON"][:2])}
    calls |= {f"service, {name}": wsgi_call(service, type_, body) for name, (type_, body, _) in bodies.items()}
    times = medians(calls)
    floor = times["bare Flask view, constant bytes"]
    return times, [
        Goal(f"WSGI call {name}, times bare Flask", times[f"service, {name}"] / floor, limit)
        for name, (_, _, limit) in bodies.items()
    ]


def wsgi_call(application: flask.Flask, content_type: str, body: bytes) -> Callable[[], object]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/api/order/cancel",
        "RAW_URI": "/api/order/cancel",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "HTTP_ACCEPT": "*/*",
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    statuses: list[str] = []

    def start_response(status: str, headers: object, exc_info: object = None) -> None:
        statuses.append(status)

    def call() -> bytes:
        answer = application.wsgi_app({**environ, "wsgi.input": io.BytesIO(body)}, start_response)
        content = b"".join(answer)
        answer.close()
        statuses.clear()
        return content

    application.wsgi_app({**environ, "wsgi.input": io.BytesIO(body)}, start_response)
    assert statuses == ["200 OK"], statuses
    return call


PARTS = {
    "1. XML read": bench_xml_read,
    "1. XML write": bench_xml_write,
    "1. JSON and form read": bench_json_read,
    "2. WSGI call": bench_wsgi,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    as_json = parser.parse_args().json
    report: dict[str, dict[str, float]] = {}
    goals: list[Goal] = []
    for title, bench in PARTS.items():
        times, part_goals = bench()
        report[title] = times
        goals += part_goals
        if not as_json:
            print(f"\n{title} (median µs a call)")
            for name, microseconds in times.items():
                print(f"  {microseconds:8.2f}  {name}")
    if as_json:
        print(json.dumps({"microseconds": report, "goals": [{**asdict(g), "passed": g.passed} for g in goals]}))
    else:
        print("\nGoals")
        for goal in goals:
            print(f"  {'pass' if goal.passed else 'MISS'}  {goal.text}: {goal.measured:.2f} (goal <= {goal.limit:g})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
