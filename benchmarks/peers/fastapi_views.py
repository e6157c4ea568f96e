"""What uvicorn serves in the part "http": FastAPI with pydantic-xml, and less and less of it.

The whole one reads the request, checks time stamp and signature, and answers with a new number and the headers of the
service. It has no ledger and no nonce, judges no shape beyond the types, speaks XML alone, and writes no log line.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pydantic_xml
from fastapi import FastAPI, Request, Response

from benchmarks.calls import PATH, SAMPLES, answer_of, make_service
from benchmarks.peers.readers import DERIVED, PydanticRequest
from benchmarks.samples import NOW, SECRET

HEADERS: Final = {"Cache-Control": "no-cache", "Pragma": "no-cache", "Expires": "-1"}
MEDIA_TYPE: Final = "application/xml; charset=utf-8"
_TOLERANCE: Final = timedelta(seconds=300)


class PydanticResult(pydantic_xml.BaseXmlModel, tag="ApiResultOfstring", ns="", nsmap={"": DERIVED}):
    code: int = pydantic_xml.element()
    data: str | None = pydantic_xml.element(default=None)
    message: str | None = pydantic_xml.element(default=None)


def make_app() -> FastAPI:
    """FastAPI and pydantic-xml, without a ledger."""
    app = FastAPI()

    @app.post(PATH)
    async def cancel(request: Request) -> Response:
        asked = PydanticRequest.from_xml(await request.body())
        if not signature_holds(asked, NOW, _TOLERANCE):
            return answer(PydanticResult(code=1002, message="Signature rejected"))
        return answer(PydanticResult(code=1, message="Cancelled", data=str(uuid.uuid4())))

    return app


def signature_holds(asked: PydanticRequest, now: datetime, tolerance: timedelta) -> bool:
    """Whether the legacy signature is right, and of about now."""
    signed_at = datetime.strptime(asked.time_stamp or "", "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    terminal = {"WEBPAGEEnum": 1}[asked.terminal]
    text = f"random={asked.random}&timestamp={asked.time_stamp}&terminal={terminal}"
    digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    expected = hmac.digest(SECRET, digest.encode(), "sha256").hex()
    return abs(now - signed_at) <= tolerance and hmac.compare_digest(expected, (asked.sign or "").lower())


def answer(result: PydanticResult) -> Response:
    return Response(result.to_xml(), media_type=MEDIA_TYPE, headers=HEADERS)


def make_bare_view() -> FastAPI:
    """A view that reads the body and sends an answer of the service, with its headers."""
    app = FastAPI()
    content, _ = answer_of(make_service(), SAMPLES[0])

    @app.post(PATH)
    async def cancel(request: Request) -> Response:
        assert await request.body()
        return Response(content, media_type=MEDIA_TYPE, headers=HEADERS)

    return app


def make_bare_asgi() -> Any:
    """The same without FastAPI."""
    content, wsgi_headers = answer_of(make_service(), SAMPLES[0])
    headers = [(name.lower().encode(), value.encode()) for name, value in wsgi_headers]

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    return application
