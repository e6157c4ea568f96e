"""Hostile bodies on the whole service and a real ledger: each as every media type, and inside the members of a request.

Whatever is sent, the answer is one of the contract and never a 5xx, and the ledger holds the refunds that were told with
code 1 and nothing else. As every place for every item would take minutes, each engine takes PLACES of them by chance;
the chance is the same in every run, and another one on each engine.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, insert, select
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, TestResponse

from refund_api.storage import audit, tables
from refund_api.storage.engines.urls import make_engine
from refund_api.storage.schema import upgrade
from schemas.json.tokens import read_tokens
from tests.postgres import fresh_database, postgres_server
from tests.wire import FORMATS
from tests.world import ALICE, BOB, FAR_DAY, NOW, ORDER
from xml_contracts.errors import DocumentError

from .contract_of_answers import number_told
from .corpora import CONTENT_TYPES, CORPORA, Item, Placement, attack_files, items_of, placements
from .service import service_on

SEED = 20261127
PLACES = 6
"""How many places inside a request an item is put into, of up to 42, on each engine."""

REASON_IN_JSON = Placement("refund_reason", FORMATS[0], escaped=True)

_randoms = itertools.count(1_000_000)  # other tests and the attack files use lower ones


@dataclass
class Target:
    """The service on an engine. `told` has the number of every refund that a client was told of."""

    kind: str
    url: str
    engine: Engine
    client: FlaskClient
    told: set[str] = field(default_factory=set)

    def book(self, order_numbers: list[str]) -> None:
        """Orders that can be cancelled, of two passengers."""
        order = {"state": "booked", "train_date": FAR_DAY, "currency": "CNY", "updated_at": NOW}
        paid = [{"passenger_id": passenger_id, "paid_minor": 100} for passenger_id in (ALICE, BOB)]
        with self.engine.begin() as connection:
            connection.execute(insert(tables.orders), [{"order_number": n, **order} for n in order_numbers])
            connection.execute(
                insert(tables.passenger), [{"order_number": n, **p} for n in order_numbers for p in paid]
            )

    def send(self, content_type: str, body: bytes) -> str | None:
        """The refund number, or None for a refusal."""
        response = self.client.post("/api/order/cancel", data=body, content_type=content_type)
        number = number_told(response)
        if number is not None:
            self.told.add(number)
        return number

    def assert_holds_what_was_told(self) -> None:
        with self.engine.connect() as connection:
            assert set(connection.scalars(select(tables.refund.c.refund_id))) == self.told

    def reason_of(self, order_number: str) -> str | None:
        with self.engine.connect() as connection:
            query = select(tables.refund.c.reason).where(tables.refund.c.order_number == order_number)
            reason: str | None = connection.scalars(query).one()
            return reason

    def content(self) -> list[list[tuple[object, ...]]]:
        """Every table but the nonces, which refusals keep too."""
        kept = [table for table in tables.metadata.sorted_tables if table is not tables.request_nonce]
        with self.engine.connect() as connection:
            return [sorted(map(tuple, connection.execute(select(table))), key=repr) for table in kept]


@pytest.fixture(scope="module", params=("sqlite", "postgresql"))
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    with ExitStack() as stack:
        if request.param == "sqlite":
            memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # to wait for a disk would take minutes
            url = f"sqlite:///{stack.enter_context(TemporaryDirectory(dir=memory))}/refunds.db"
        else:
            url = stack.enter_context(fresh_database(stack.enter_context(postgres_server())))
        engine = make_engine(url, threads=1)
        stack.callback(engine.dispose)
        upgrade(engine)
        yield Target(request.param, url, engine, service_on(engine).app.test_client())


@pytest.mark.parametrize("corpus", CORPORA)
def test_a_body_of_a_corpus_writes_nothing_whatever_media_type_it_is_sent_as(target: Target, corpus: str) -> None:
    before = target.content()
    for item in items_of(corpus):
        for content_type in CONTENT_TYPES:
            assert target.send(content_type, item.body) is None, (item.name, content_type)
    assert target.content() == before


@pytest.mark.parametrize("corpus", CORPORA)
def test_inside_a_member_a_corpus_writes_no_refund_but_those_that_are_told(target: Target, corpus: str) -> None:
    items = {f"{corpus} {number}": item for number, item in enumerate(items_of(corpus))}
    target.book(list(items))
    for order_number, item in items.items():
        chance = random.Random(f"{SEED} {target.kind} {order_number}")
        places = placements(item)
        for place in chance.sample(places, min(PLACES, len(places))):
            target.send(place.format.content_type, place.request(order_number, next(_randoms), item))
        target.assert_holds_what_was_told()
    assert {finding.id: finding.samples for finding in audit.audit(target.url).findings if finding.count} == {}


def test_a_naughty_string_is_kept_as_it_was_sent(target: Target) -> None:
    items = {f"reason {number}": item for number, item in enumerate(items_of("naughty strings"))}
    target.book(list(items))
    for order_number, item in items.items():
        body = REASON_IN_JSON.request(order_number, next(_randoms), item)
        assert target.send("application/json", body) is not None, item
        assert target.reason_of(order_number) == item.text


def test_an_attack_in_its_own_format_is_an_invalid_request(target: Target) -> None:
    """But for its attack each XML one is a request of this very order, signed, that would be granted."""
    types = {f".{wire_format.name}": wire_format.content_type for wire_format in FORMATS}
    answers = {}
    for item in attack_files():
        content_type = types[item.name[item.name.rindex(".") :]]
        answers[item.name] = target.client.post("/api/order/cancel", data=item.body, content_type=content_type).data
    assert len(answers) > 50
    unread = {name for name, answer in answers.items() if b"Invalid request: XML cannot be read: " in answer}
    assert unread == {name for name in answers if name.endswith(".xml")}
    assert [name for name, answer in answers.items() if b"1001" not in answer] == []
    (harmed,) = (item.text or "" for item in attack_files() if item.name == "internal-entity.xml")
    harmless = harmed.partition("\n")[2].replace("&e;", ORDER)
    target.book([ORDER])
    assert target.send("application/xml", harmless.encode()) is not None


def test_our_reader_takes_what_is_json_and_refuses_what_is_not() -> None:
    """Of the cases that may be either nothing is asked but an answer."""
    items = items_of("JSONTestSuite")
    assert [item.name for item in items if item.name[0] == "y" and not is_read(item)] == []
    assert [item.name for item in items if item.name[0] == "n" and is_read(item)] == []


def is_read(item: Item) -> bool:
    """Whether the JSON reader gets through; the bytes of a body are read as UTF-8."""
    try:
        read_tokens(item.body.decode())
    except (DocumentError, UnicodeDecodeError):
        return False
    return True


@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [
        (500, "application/json", b'{"Message":"An error has occurred."}'),
        (503, "application/json", b'{"code":3001,"message":"Try again","data":null}'),
        (200, "text/html", b"<h1>Cancelled</h1>"),
        (200, "application/json", b'{"Message":"An error has occurred."}'),
        (200, "application/json", b'{"code":7,"message":"Cancelled","data":null}'),
        (200, "application/json", b'{"code":1,"message":"Cancelled","data":null}'),
        (200, "application/json", b'{"code":2001,"message":"Order not found","data":"x"}'),
        (200, "application/json", b'{"code":1002,"message":"Signature rejected: no key matches","data":null}'),
        (200, "application/xml", b"<other><code>1001</code></other>"),
        (400, "application/json", b'{"Message":"x","ExceptionMessage":"y"}'),
    ],
)
def test_an_answer_outside_the_contract_is_seen(status: int, content_type: str, body: bytes) -> None:
    headers = {"Content-Type": content_type, "Cache-Control": "no-cache"}
    response = TestResponse([body], str(status), Headers(headers), EnvironBuilder().get_request())
    with pytest.raises((AssertionError, KeyError, TypeError)):
        number_told(response)
