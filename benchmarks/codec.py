"""Part "codec": the codecs against their floor and their peers, the WSGI call against bare Flask.

Everything is measured in one run, contenders in turn; trust the ratios, not the microseconds. Every goal is a ratio.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from xml.sax.saxutils import escape

import marshmallow
from lxml import etree

from benchmarks.calls import bench_wsgi
from benchmarks.effort import Effort
from benchmarks.measure import Goal, medians
from benchmarks.peers.readers import XML_READERS
from benchmarks.results import Report, Table
from benchmarks.samples import REQUEST, REQUEST_FORM, REQUEST_JSON, REQUEST_XML, RESULT, RESULT_XML
from refund_api.http.formatters import formatters_for
from xml_contracts import DataContractSerializer
from xml_contracts.reading import Reading
from xml_contracts.refund import ApiResult, TicketRefundRequest

JSON, _, FORM = formatters_for(TicketRefundRequest, ApiResult)


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


def bench_xml_read(rounds: int) -> tuple[dict[str, float], list[Goal]]:
    body = REQUEST_XML
    serializer = DataContractSerializer(TicketRefundRequest)
    assert serializer.read(body) == REQUEST
    peer_calls = {name: lambda read=read: read(body) for name, read in XML_READERS.items()}
    times = medians(
        {"floor: lxml parse + one walk": xml_floor(body), "xml_contracts": lambda: serializer.read(body), **peer_calls},
        rounds,
    )
    ours = times["xml_contracts"]
    goals = [Goal("XML read, times the floor", ours / times["floor: lxml parse + one walk"], 2.0)]
    goals += [Goal(f"XML read, times {name}", ours / times[name], 1.0) for name in XML_READERS]
    return times, goals


def bench_xml_write(rounds: int) -> tuple[dict[str, float], list[Goal]]:
    """The floor knows the contract, escapes each text, and writes the same bytes; it refuses and checks nothing."""
    serializer = DataContractSerializer(ApiResult)
    head, _, rest = RESULT_XML.decode().partition("<code>")
    end = rest.rpartition("</message>")[2]

    def floor() -> bytes:
        data, message = escape(RESULT.data or ""), escape(RESULT.message or "")
        return f"{head}<code>{RESULT.code}</code><data>{data}</data><message>{message}</message>{end}".encode()

    def lxml_tree() -> bytes:
        root = etree.Element("ApiResult")
        for name in ("code", "data", "message"):
            etree.SubElement(root, name).text = str(getattr(RESULT, name))
        return etree.tostring(root)

    assert floor() == serializer.write(RESULT)
    times = medians(
        {
            "floor: an f-string, texts escaped": floor,
            "xml_contracts": lambda: serializer.write(RESULT),
            "lxml: a tree without namespaces, tostring": lxml_tree,
        },
        rounds,
    )
    ours = times["xml_contracts"]
    return times, [
        Goal("XML write, times the floor", ours / times["floor: an f-string, texts escaped"], 5.0),
        Goal("XML write, times lxml", ours / times["lxml: a tree without namespaces, tostring"], 1.0),
    ]


def bench_json_read(rounds: int) -> tuple[dict[str, float], list[Goal]]:
    assert JSON.read(REQUEST_JSON, "utf-8") == Reading(REQUEST)
    assert FORM.read(REQUEST_FORM, "utf-8") == Reading(REQUEST)
    hand_written = HandWritten()
    times = medians(
        {
            "json.loads": lambda: json.loads(REQUEST_JSON),
            "json.loads + a hand-written marshmallow schema": lambda: hand_written.load(json.loads(REQUEST_JSON)),
            "JSON formatter": lambda: JSON.read(REQUEST_JSON, "utf-8"),
            "form formatter": lambda: FORM.read(REQUEST_FORM, "utf-8"),
        },
        rounds,
    )
    return times, []


PARTS = {
    f"Read XML ({len(REQUEST_XML)} bytes)": bench_xml_read,
    f"Write XML ({len(RESULT_XML)} bytes)": bench_xml_write,
    f"Read JSON and a form ({len(REQUEST_JSON)} and {len(REQUEST_FORM)} bytes)": bench_json_read,
    "WSGI call, the ledger in memory": bench_wsgi,
}


def measure(effort: Effort) -> Report:
    tables, goals = [], []
    for title, bench in PARTS.items():
        times, part_goals = bench(effort.call_rounds)
        tables.append(Table(title, ("", "µs a call"), tuple(times.items()), drawn="µs a call"))
        goals += part_goals
    return Report("codec", tuple(tables), tuple(goals))
