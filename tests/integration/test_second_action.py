"""A second action beside the first: a contract, a handler and a row are enough, whatever it takes and answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, make_dataclass, replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from refund_api.actions import CANCEL, Action
from refund_api.context import RequestContext
from refund_api.events import Outcome, SignatureRejected
from refund_api.parts import Parts
from refund_api.ports import LedgerUnavailable
from refund_api.settings import Settings
from refund_api.signing.verifier import SignatureRejected as Rejected
from refund_api.storage.engines.urls import make_engine
from tests.fakes import signed
from tests.figures import counted
from tests.wire import members_of, write_json
from tests.world import NOW, SECRET
from xml_contracts import data_contract, member
from xml_contracts.errors import DeclarationError
from xml_contracts.reading import Reading
from xml_contracts.refund import BaseRequest

NAMESPACE = "http://schemas.datacontract.org/2004/07/ChinaTrainTickets.Web.Areas.webApi.Models"
KEYS = json.dumps({"keys": [{"kid": "legacy", "scheme": "legacy", "secret": SECRET.decode()}]})
PATH = "/api/order/submitNew"


@data_contract(namespace=NAMESPACE)
@dataclass(frozen=True, slots=True)
class SeatRequest(BaseRequest):
    """How many seats are wanted, and where."""

    seats: int = member(default=0)
    berth: str | None = member(default=None)


@data_contract(namespace=NAMESPACE, name="ApiResultOfint")
@dataclass(frozen=True, slots=True)
class SeatResult:
    """`ApiResult<int>` in .NET."""

    code: int = member(default=0)
    message: str | None = member(default=None)
    data: int = member(default=0)


def make_seats(parts: Parts) -> Any:
    def handler(reading: Reading[SeatRequest], context: RequestContext) -> SeatResult | Outcome:
        request = reading.value
        if request is None or reading.errors:
            return SeatResult(1001, "Invalid request")
        if request.berth == "lost":
            raise LedgerUnavailable("no berth")
        try:
            verified = parts.verifier.verify(request, context.received_at)
        except Rejected as rejected:
            happening = SignatureRejected(
                cause=rejected.cause.value,
                scheme=rejected.scheme,
                order_number="",
                terminal=1,
                kid=rejected.kid,
                clock_difference=rejected.clock_difference,
            )
            return Outcome(SeatResult(1002, "Signature rejected"), happening)
        nonce = verified.nonce
        assert nonce is not None
        ours = parts.unit_of_work.run(lambda ledger: ledger.claim_nonce(nonce, f"{request.seats} seats"))
        return SeatResult(1, "Reserved", request.seats) if ours else SeatResult(1002, "Signature rejected")

    return handler


SEATS = Action(PATH, SeatRequest, SeatResult, make_seats)


@pytest.fixture
def app(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    engine = make_engine(database, threads=4)
    monkeypatch.setattr("app.make_engine", lambda url, threads: engine)
    yield create_app(
        Settings(database_url=database, keys=KEYS, explain=True), actions=(CANCEL, SEATS), clock=lambda: NOW
    )
    engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def members(**changed: Any) -> dict[str, Any]:
    of_base = {name: members_of(signed())[name] for name in ("terminal", "time_stamp", "random", "sign")}
    return {**of_base, "seats": 4, "berth": "lower", **changed}


def xml(**changed: Any) -> str:
    base = 'xmlns="http://schemas.datacontract.org/2004/07/ChinaTrainTickets.Web.Models"'
    values = members(terminal="WEBPAGEEnum", **changed)
    inner = "".join(f"<{name} {base}>{values[name]}</{name}>" for name in ("random", "sign", "terminal", "time_stamp"))
    return (
        f'<SeatRequest xmlns="{NAMESPACE}">{inner}<berth>{values["berth"]}</berth><seats>{values["seats"]}</seats>'
        "</SeatRequest>"
    )


def test_it_is_served_in_every_format(client: FlaskClient) -> None:
    assert client.post(PATH, json=members()).data == b'{"code":1,"message":"Reserved","data":4}'
    assert client.post(PATH, data=members()).data == b'{"code":1,"message":"Reserved","data":4}'
    answer = client.post("/API/order/SUBMITNEW/", data=xml(), content_type="text/xml", headers={"Accept": "text/xml"})
    assert answer.data.decode() == (
        f'<ApiResultOfint xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns="{NAMESPACE}">'
        "<code>1</code><data>4</data><message>Reserved</message></ApiResultOfint>"
    )


def test_the_first_action_is_served_beside_it(client: FlaskClient) -> None:
    request = write_json(members_of(signed("CTT-unknown")))
    answer = client.post(CANCEL.path, data=request, content_type="application/json")
    assert answer.get_json() == {"code": 2001, "message": "Order not found", "data": None}


def test_the_framework_answers_for_it_as_for_the_first(client: FlaskClient) -> None:
    assert client.get(PATH).status_code == 405
    assert client.post(PATH + "/a/b").status_code == 404
    assert client.post(PATH, data="x", content_type="text/plain").status_code == 415
    empty = client.post(PATH)
    assert (empty.status_code, empty.data) == (200, b'{"code":1001,"message":"Invalid request","data":0}')


def test_its_ledger_being_away_is_a_503_in_its_own_contract(client: FlaskClient) -> None:
    away = client.post(PATH, json=members(berth="lost"))
    assert (away.status_code, away.headers["Retry-After"]) == (503, "2")
    assert away.data == b'{"code":3001,"message":"Try again","data":0}'


def test_its_signature_is_verified_and_told_to_the_sinks(app: Flask, client: FlaskClient) -> None:
    rejected = client.post(PATH, json=members(sign="0" * 64))
    assert rejected.data == b'{"code":1002,"message":"Signature rejected","data":0}'
    assert counted(app, "signatures") == {("legacy", "no key matches"): 1}


def test_a_signature_serves_one_request_of_either_action(client: FlaskClient) -> None:
    assert client.post(PATH, json=members()).get_json()["code"] == 1
    assert client.post(PATH, json=members()).get_json()["code"] == 1, "the same request may come again"
    assert client.post(PATH, json=members(seats=5)).get_json()["code"] == 1002
    stolen = write_json(members_of(signed("CTT-unknown")))
    assert client.post(CANCEL.path, data=stolen, content_type="application/json").get_json()["code"] == 1002


def test_what_was_skipped_is_explained(client: FlaskClient) -> None:
    answer = client.post(PATH, json=members(window=True))
    assert answer.headers["X-Data-Contract-Ignored"] == "window: unknown"


@pytest.mark.parametrize("members", [{"code": int}, {"message": str}, {"code": int, "message": int}])
def test_a_result_that_cannot_tell_that_the_ledger_is_away_is_refused(members: dict[str, type]) -> None:
    fields = [(name, type_, member(default=type_())) for name, type_ in members.items()]
    result = data_contract(namespace=NAMESPACE)(make_dataclass("Short", fields))
    with pytest.raises(DeclarationError, match="Short: a result has a number `code` and a text `message`"):
        create_app(Settings(), actions=(CANCEL, replace(SEATS, result=result)))


def test_a_format_that_an_action_is_not_served_in_is_refused() -> None:
    json_alone = replace(SEATS, formats=("json",))
    client = create_app(Settings(), actions=(json_alone,), handler=lambda reading, context: SeatResult(1)).test_client()
    assert client.post(PATH, data=members()).status_code == 415
    assert client.post(PATH, json=members(), headers={"Accept": "text/xml"}).content_type.startswith("application/json")


@pytest.mark.parametrize("path", [CANCEL.path, "/API/Order/Cancel", f"{CANCEL.path}/all", "/api/order"])
def test_two_actions_for_one_request_are_refused(path: str) -> None:
    with pytest.raises(DeclarationError, match="would be a path of the action"):
        create_app(Settings(), actions=(CANCEL, replace(SEATS, path=path)))
