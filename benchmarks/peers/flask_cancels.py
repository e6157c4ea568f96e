"""The whole job by hand behind a bare Flask view: lxml, the statements, an answer of text.

It checks no signature, judges no shape, and knows XML alone; it sends the headers of the service.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Final

from flask import Flask, Response, request
from lxml import etree

from benchmarks.calls import PATH
from benchmarks.peers.by_hand import Ledger, read_asked
from benchmarks.samples import RESULT, RESULT_XML

_HEADERS: Final = {
    "Content-Type": "application/xml; charset=utf-8",
    "Cache-Control": "no-cache",
    "Pragma": "no-cache",
    "Expires": "-1",
}
_HEAD, _TAIL = RESULT_XML.split((RESULT.data or "").encode())


def make_app(*, pipelined: bool = False) -> Flask:
    """On the database of the environment, as the service."""
    ledger = Ledger(os.environ["REFUND_API_DATABASE_URL"], pipelined=pipelined)
    app = Flask("by_hand")

    @app.post(PATH)
    def cancel() -> Response:
        body = request.get_data()
        root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
        members = {etree.QName(element).localname: element.text for element in root}
        asked = read_asked({**members, "terminal": 1}, body)
        refund_id = ledger.cancel(asked, datetime.now(UTC))
        return Response(_HEAD + refund_id.encode() + _TAIL, 200, _HEADERS)

    return app
