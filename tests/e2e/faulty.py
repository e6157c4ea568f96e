"""A WSGI target for tests: the service, with a handler that fails where the reason of a request names a fault.

Each fault quotes the request, as programs and databases do that were not written with logs in mind.
"""

from __future__ import annotations

from typing import Any

import psycopg
from flask import Flask
from sqlalchemy.exc import IntegrityError

from app import create_app, make_parts, make_unit_of_work
from refund_api.actions import CANCEL, Handler
from refund_api.context import RequestContext
from refund_api.ops import stderr_handler
from refund_api.settings.served import serving_settings
from xml_contracts.reading import Reading
from xml_contracts.refund import ApiResult, TicketRefundRequest

FAULTS = ("value error", "key error", "chain", "psycopg", "sqlalchemy", "unwritable")


def make_handler(service: Handler) -> Handler:
    def handler(reading: Reading[TicketRefundRequest], context: RequestContext) -> Any:
        request = reading.value
        fault = ((request and request.refund_reason) or "").partition(":")[0]
        return fail(fault, request) if request is not None and fault in FAULTS else service(reading, context)

    return handler


def fail(fault: str, request: TicketRefundRequest) -> ApiResult:
    """Raise, or give a result that no writer can write."""
    row = f"duplicate key\nDETAIL:  Key (passenger_id)=({request.refund_passanger_ids}) already exists: {request}"
    match fault:
        case "value error":
            raise ValueError(f"what is {request}?")
        case "key error":
            raise KeyError(request.sign)
        case "chain":
            try:
                fail("value error", request)
            except ValueError as error:
                raise RuntimeError(request.refund_reason) from error
        case "psycopg":
            raise psycopg.errors.UniqueViolation(row)
        case "sqlalchemy":
            statement, values = "INSERT INTO refund VALUES (%s)", (request.refund_reason, request.sign)
            raise IntegrityError(statement, values, psycopg.errors.UniqueViolation(row))
    return ApiResult(1, f"{request.refund_reason}\ud800", request.sign)


def make_app() -> Flask:
    """gunicorn's target: it calls this in a worker."""
    settings = serving_settings()
    service = CANCEL.make_handler(make_parts(CANCEL, settings, make_unit_of_work(settings)))
    return create_app(settings, handler=make_handler(service))


def make_app_with_a_short_queue() -> Flask:
    """A target on which a test fills the queue of log lines in a short time."""
    stderr_handler.MOST_WAITING = 100  # type: ignore[misc]
    return make_app()
