"""The checking program itself: one planted violation a kind, and exactly that kind is found."""

from __future__ import annotations

import socket
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import delete, text

from refund_api.ports import Ledger as RefundLedger
from refund_api.storage.tables import refund_outbox
from refund_api.storage.unit_of_work import SqlUnitOfWork
from tests.chaos.check import Asked, Ledger, Record, Seen, read_ledger, read_record, unproven, violations
from tests.chaos.client import Client, make_request
from tests.chaos.stage import ENGINES, Booking, stage
from tests.integration.storage.given import a_refund
from tests.servers import Gunicorn, free_port

ALICE, BOB = frozenset({"alice"}), frozenset({"bob"})
BOTH = ALICE | BOB
OTHER_SIGN = "s2"


def asked(passengers: frozenset[str] = ALICE, sign: str = "s1", order: str = "order") -> Asked:
    return Asked(order, passengers, ",".join(sorted(passengers)), sign)


def seen(request: int, code: int | None, data: str | None = None, *, at: int = 1, status: int = 200) -> Seen:
    return Seen(request, at, at, status, code, data)


def ledger(*refunds: tuple[str, frozenset[str]], order: str = "order") -> Ledger:
    items = tuple((order, passenger) for _, passengers in refunds for passenger in sorted(passengers))
    return Ledger({number: (order, passengers) for number, passengers in refunds}, items)


CLEAN = Record({1: asked(), 2: asked(BOTH, OTHER_SIGN)}, [seen(1, 1, "n1"), seen(1, 1, "n1", at=2), seen(2, 2004)])

PLANTED: dict[str, tuple[Record, Ledger]] = {
    "lost": (Record({1: asked()}, [seen(1, 1, "n1")]), ledger()),
    "unexplained": (Record(), ledger(("n1", ALICE))),
    "double": (
        Record({1: asked(), 2: asked(BOTH, OTHER_SIGN)}, [seen(1, 1, "n1"), seen(2, 1, "n2")]),
        ledger(("n1", ALICE), ("n2", BOTH)),
    ),
    "differing repeats": (Record({1: asked()}, [seen(1, 1, "n1"), seen(1, 2005, at=2)]), ledger(("n1", ALICE))),
    "baseless refusals": (Record({1: asked()}, [seen(1, 2004)]), ledger()),
    "signatures used twice": (
        Record({1: asked(), 2: asked(BOB)}, [seen(1, 1, "n1"), seen(2, 1, "n2")]),
        ledger(("n1", ALICE), ("n2", BOB)),
    ),
    "unexpected answers": (Record({1: asked()}, [seen(1, None, status=500)]), ledger()),
    "unanswered": (Record({1: asked()}, [seen(1, 3001, status=503)]), ledger()),
    "late": (Record({1: asked()}, [Seen(1, 0, 15_500_000_000, 200, 1, "n1")]), ledger(("n1", ALICE))),
}
ALSO = {"differing repeats": {"unexpected answers"}}  # 2005 is one, to requests that are all cancellable


def kinds_found(record: Record, held: Ledger) -> set[str]:
    return {kind for kind, found in violations(record, held).items() if found}


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert kinds_found(CLEAN, ledger(("n1", ALICE))) == set()


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_violation_is_found_and_no_other(kind: str) -> None:
    assert kinds_found(*PLANTED[kind]) == {kind} | ALSO.get(kind, set())


def test_a_signature_on_two_requests_of_one_content_is_a_repeat() -> None:
    record = Record({1: asked(), 2: asked()}, [seen(1, 1, "n1"), seen(2, 1, "n1")])
    assert kinds_found(record, ledger(("n1", ALICE))) == set()


def test_every_kind_has_been_planted() -> None:
    assert violations(Record(), ledger()).keys() == PLANTED.keys()


@pytest.mark.parametrize(
    ("record", "held", "kinds"),
    [
        (CLEAN, Ledger({"n1": ("order", ALICE)}, (("order", "alice"), ("order", "alice"))), {"double"}),
        (
            Record({1: asked()}, [seen(1, 1, "n1"), seen(1, 1002, at=2)]),
            ledger(("n1", ALICE)),
            {"baseless refusals"},
        ),
        (
            Record({1: asked(), 2: asked(BOB, OTHER_SIGN)}, [seen(1, 1, "n1"), seen(2, 2004)]),
            ledger(("n1", ALICE)),
            {"baseless refusals"},
        ),
        (
            Record({1: asked(), 2: asked(BOTH)}, [seen(1, 1, "n1"), seen(2, 2004)]),
            ledger(("n1", ALICE)),
            {"signatures used twice"},
        ),
        (
            Record({1: asked()}, [seen(1, 1, "n1", at=1), seen(1, 2004, at=2), seen(1, 1, "n1", at=3)]),
            ledger(("n1", ALICE)),
            {"differing repeats", "baseless refusals"},
        ),
        (Record({1: asked()}, [seen(1, 1, "n1")], timed_out=[1]), ledger(("n1", ALICE)), {"late"}),
        (Record({1: asked()}, [seen(1, 3001), seen(1, 1, "n1")]), ledger(("n1", ALICE)), {"unexpected answers"}),
        (CLEAN, ledger(("n1", ALICE), order="another"), {"lost", "unexplained", "baseless refusals"}),
        (CLEAN, ledger(("n1", BOTH)), {"lost", "baseless refusals"}),
        (
            Record({1: asked()}, [seen(1, 1, "n1"), seen(1, 1, "n2")]),
            ledger(("n1", ALICE)),
            {"lost", "differing repeats", "double"},
        ),
        (Record({1: asked()}, [seen(1, 1002)]), ledger(), {"baseless refusals"}),
        (Record({1: asked()}, [seen(1, 1, "n1", status=500)]), ledger(("n1", ALICE)), {"unexpected answers"}),
        (Record({1: asked()}), ledger(("n1", ALICE)), {"unexplained", "unanswered"}),
    ],
)
def test_its_other_shapes_are_found_too(record: Record, held: Ledger, kinds: set[str]) -> None:
    assert kinds_found(record, held) == kinds


def test_a_request_whose_server_is_gone_stands_in_the_record_as_sent(tmp_path: Path) -> None:
    request = make_request("order", ["3288010f-2d18-4900-890e-68025c5c3130"])
    nowhere = Gunicorn("127.0.0.1", free_port(), process=None, log=tmp_path)  # type: ignore[arg-type]
    with Client(nowhere, tmp_path / "record.jsonl") as client:
        assert client.ask(request) is None
    record = read_record(tmp_path)
    assert record == Record({request.number: Asked("order", request.passengers, request.ids, request.sign)}, [], sent=1)


def test_a_request_that_nobody_answers_stands_in_the_record_as_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.chaos.client._TIMEOUT", 0.2)
    request = make_request("order", ["3288010f-2d18-4900-890e-68025c5c3130"])
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = Gunicorn("127.0.0.1", silent.getsockname()[1], process=None, log=tmp_path)  # type: ignore[arg-type]
        with Client(server, tmp_path / "record.jsonl") as client:
            assert client.ask(request) is None
            assert client.cut == 0
    assert read_record(tmp_path).timed_out == [request.number]


def test_a_load_that_met_too_little_proves_nothing() -> None:
    everything = Record(
        {1: asked(), 2: asked(), 3: asked(BOTH, OTHER_SIGN)},
        [seen(1, 1, "n1"), seen(1, 1, "n1"), seen(2, 1, "n1"), seen(3, 2004), seen(3, 1002)],
    )
    assert unproven(everything) == []
    assert len(unproven(Record())) == 5
    assert unproven(Record(everything.asked, everything.seen[1:])) == []
    for code, what in ((2004, "an overlap"), (1002, "a stolen signature")):
        rest = [answer for answer in everything.seen if answer.code != code]
        assert unproven(Record(everything.asked, rest)) == [f"the load had not {what}"]


def refund_all(ledger: RefundLedger, order: Booking) -> None:
    passengers = ledger.history(order.order_number, "").passengers
    items = {passenger: known.paid_minor for passenger, known in passengers.items()}
    ledger.record(replace(a_refund(items, order.order_number), items=items), closes_order=True)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_audit_of_a_stage_is_that_of_its_own_database_and_sees_what_is_wrong(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stage(engine, tmp_path / "mine") as mine, stage("sqlite", tmp_path / "other") as other:
        monkeypatch.setenv("REFUND_API_DATABASE_URL", other.env["REFUND_API_DATABASE_URL"])
        (order,) = mine.book(1)
        SqlUnitOfWork(mine.engine).run(partial(refund_all, order=order))
        assert mine.audit() == []
        (elsewhere,) = replace(mine, env=other.env).audit()
        assert elsewhere.startswith('audit of 1 refunds: {"orders": 0, "refunds": 0, ')
        with mine.engine.begin() as connection:
            connection.execute(delete(refund_outbox))
        (sentence,) = mine.audit()
        assert '"id": "A6"' in sentence


def test_a_double_refund_in_the_ledger_is_read_as_it_is(tmp_path: Path) -> None:
    with stage("postgres", tmp_path) as mine:
        (order,) = mine.book(1, passengers=1)
        SqlUnitOfWork(mine.engine).run(partial(refund_all, order=order))
        with mine.engine.begin() as connection:
            connection.execute(text("ALTER TABLE refund_item DROP CONSTRAINT pk_refund_item"))
            connection.execute(text("INSERT INTO refund_item SELECT * FROM refund_item"))
        found = read_ledger(mine.engine)
    assert found.items == ((order.order_number, order.passengers[0]),) * 2
    assert list(found.refunds.values()) == [(order.order_number, frozenset(order.passengers))]
