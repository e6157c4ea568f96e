"""The one request and the one answer that are measured, as bytes of every format."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Final
from urllib.parse import urlencode

from refund_api.signing.legacy import sign_legacy
from xml_contracts import DataContractSerializer
from xml_contracts.refund import ApiResult, Terminal, TicketRefundRequest

SECRET: Final = b"a shared secret of thirty-two b."
NOW: Final = datetime(2026, 11, 23, 8, 10, 22, tzinfo=UTC)
TRAIN_DATE: Final = date(2027, 6, 1)
PASSENGER: Final = "3288010f-2d18-4900-890e-68025c5c3130"
_TIME_STAMP: Final = "20261123081022"

REQUEST: Final = TicketRefundRequest(
    terminal=Terminal.WEBPAGEEnum,
    time_stamp=_TIME_STAMP,
    random=10482,
    sign=sign_legacy(SECRET, random=10482, time_stamp=_TIME_STAMP, terminal=1),
    order_number="CTT20261123011807591",
    refund_passanger_ids=PASSENGER.upper(),
    refund_reason="行程有变 change of plan",
)
RESULT: Final = ApiResult(1, "Cancelled", "0b7e5a34-3a8e-4a55-9c0e-3b0a3c9f1d11")

REQUEST_XML: Final = DataContractSerializer(TicketRefundRequest).write(REQUEST)
REQUEST_JSON: Final = json.dumps({**asdict(REQUEST), "terminal": 1}, ensure_ascii=False).encode()
REQUEST_FORM: Final = urlencode({**asdict(REQUEST), "terminal": 1}).encode()
RESULT_XML: Final = DataContractSerializer(ApiResult).write(RESULT)
