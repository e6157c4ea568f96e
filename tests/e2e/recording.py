"""A WSGI target for tests: the service with a recording handler that is told what to answer by a header.

`X-Answer` carries the ApiResult as JSON; `X-Seen` of the response tells what the handler saw.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from typing import Any

from app import create_app
from refund_api.context import RequestContext
from tests.conformance import model_of
from xml_contracts.reading import Reading
from xml_contracts.refund import ApiResult, TicketRefundRequest

_request = threading.local()


def _record(reading: Reading[TicketRefundRequest], context: RequestContext) -> ApiResult:
    _request.seen.append({"model": model_of(reading.value), "invalid": bool(reading.errors)})
    return ApiResult(**_request.answer)


_service = create_app(handler=_record)


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    _request.answer, _request.seen = json.loads(environ.pop("HTTP_X_ANSWER", "{}")), []

    def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        return start_response(status, [*headers, ("X-Seen", json.dumps(_request.seen))], *rest)

    return _service.wsgi_app(environ, start)
