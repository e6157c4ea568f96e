"""The whole job on FastAPI: pydantic-xml, the signature, and the statements by hand in FastAPI's threads."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Depends, FastAPI, Request, Response

from benchmarks.calls import PATH
from benchmarks.peers.by_hand import Ledger, read_asked
from benchmarks.peers.fastapi_views import PydanticResult, answer, signature_holds
from benchmarks.peers.readers import PydanticRequest

_TOLERANCE = timedelta(hours=24)


async def _body(request: Request) -> bytes:
    return await request.body()


def make_app() -> FastAPI:
    """On the database of the environment, as the service."""
    ledger = Ledger(os.environ["REFUND_API_DATABASE_URL"])
    app = FastAPI()

    @app.post(PATH)
    def cancel(body: Annotated[bytes, Depends(_body)]) -> Response:
        now = datetime.now(UTC)
        request = PydanticRequest.from_xml(body)
        if not signature_holds(request, now, _TOLERANCE):
            return answer(PydanticResult(code=1002, message="Signature rejected"))
        asked = read_asked({**request.model_dump(), "terminal": 1}, body)
        return answer(PydanticResult(code=1, message="Cancelled", data=ledger.cancel(asked, now)))

    return app
