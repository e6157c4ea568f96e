"""Feeds and cancellations in any order: no passenger is refunded twice, whatever the channel, and nothing else differs.

The model is the set of refunds with the channel of each, and what the shop said last of every order.
"""

from __future__ import annotations

import itertools
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine, select

from refund_api.domain import Order, Refusal
from refund_api.storage.audit import audit
from refund_api.storage.shop.importing import ImportedOrder, import_orders
from refund_api.storage.tables import orders, passenger, refund_item
from refund_api.storage.unit_of_work import SqlUnitOfWork

from .given import NOW, cancel, url_of

HERE, ELSEWHERE = "here", "elsewhere"
FAR = date(2027, 6, 1)
PLACES = st.integers(0, 3)
SAID = st.fixed_dictionaries(
    {
        "as_of": st.integers(0, 5),
        "state": st.sampled_from(["booked", "booked", "booked", "ticketed", "closed"]),
        "marks": st.dictionaries(PLACES, st.sampled_from([False, False, True]), min_size=1),
        "wrong_amount": st.sampled_from([False] * 5 + [True]),
    }
)


@dataclass
class ModelOrder:
    """What is known of an order; `refunds` has the channel of every passenger who got money back."""

    as_of: int
    state: str
    passengers: set[int]
    refunds: dict[int, str] = field(default_factory=dict)
    numbers: dict[frozenset[int], str] = field(default_factory=dict)

    @property
    def shown_state(self) -> str:
        return "cancelled" if self.passengers and self.passengers <= self.refunds.keys() else self.state

    def judge(self, places: frozenset[int]) -> Refusal | None:
        if not places <= self.passengers:
            return Refusal.PASSENGER_NOT_IN_ORDER
        if places & self.refunds.keys():
            return Refusal.ALREADY_CANCELLED
        return None if self.shown_state == "booked" else Refusal.ORDER_NOT_CANCELLABLE


class ShopAndClients(RuleBasedStateMachine):
    """Two orders of at most four passengers, on a database that all runs share."""

    engine: ClassVar[Engine]
    happened: ClassVar[Counter[str]]
    runs: ClassVar[Any]

    @initialize()
    def begin(self) -> None:
        self.run_number = next(self.runs)
        self.model: dict[int, ModelOrder] = {}
        self.wrong: dict[int, dict[int, bool]] = {}

    @rule(order=st.integers(0, 1), said=SAID)
    def feed(self, order: int, said: Mapping[str, Any]) -> None:
        line = self._line(order, said)
        result = import_orders(self.engine, [line], lambda done: None)
        what = self._feed_model(order, said)
        counts = {"created": result.created, "taken": result.updated + result.unchanged}
        counts |= {"conflict": result.conflicts.count, "older": result.older.count}
        assert counts == {name: int(name == what) for name in counts}, (line, what)
        self.happened[what] += 1

    def _feed_model(self, number: int, said: Mapping[str, Any]) -> str:
        places = set(said["marks"])
        marked = {place for place, is_marked in said["marks"].items() if is_marked}
        known = self.model.get(number)
        if known is None:
            self.model[number] = ModelOrder(said["as_of"], said["state"], places, dict.fromkeys(marked, ELSEWHERE))
            self.wrong[number] = dict.fromkeys(places, said["wrong_amount"])
            return "created"
        self.happened["refunded by both"] += any(known.refunds.get(place) == HERE for place in marked)
        for place in marked & known.passengers:
            known.refunds.setdefault(place, ELSEWHERE)
        if any(self.wrong[number][place] != said["wrong_amount"] for place in places & known.passengers):
            return "conflict"
        if said["as_of"] < known.as_of:
            return "older"
        self.wrong[number] |= dict.fromkeys(places - known.passengers, said["wrong_amount"])
        for place in marked - known.passengers:
            known.refunds[place] = ELSEWHERE
        known.as_of, known.state, known.passengers = said["as_of"], said["state"], known.passengers | places
        return "taken"

    @rule(order=st.integers(0, 1), places=st.frozensets(PLACES, min_size=1))
    def cancel(self, order: int, places: frozenset[int]) -> None:
        work = partial(cancel, passengers=[self._id(place) for place in places], order_number=self._number(order))
        answer = SqlUnitOfWork(self.engine).run(work)
        known = self.model.get(order)
        refusal = Refusal.ORDER_NOT_FOUND if known is None else known.judge(places)
        if known is not None and places in known.numbers:
            assert answer == known.numbers[places]
        elif known is None or refusal is not None:
            assert answer is refusal
        else:
            assert isinstance(answer, str)
            known.numbers[places] = answer
            known.refunds |= dict.fromkeys(places, HERE)
        self.happened[str(refusal)] += 1

    @invariant()
    def the_ledger_is_the_model(self) -> None:
        for number, known in getattr(self, "model", {}).items():
            with self.engine.connect() as connection:
                theirs = passenger.c.order_number == self._number(number)
                marks = select(passenger.c.passenger_id).where(theirs, passenger.c.cancelled_elsewhere_at.is_not(None))
                items = select(refund_item.c.passenger_id).where(refund_item.c.order_number == self._number(number))
                state = select(orders.c.state).where(orders.c.order_number == self._number(number))
                channels = dict.fromkeys(connection.scalars(marks), ELSEWHERE)
                refunded = list(connection.scalars(items))
                assert not channels.keys() & set(refunded), "refunded twice, by two channels"
                assert len(refunded) == len(set(refunded))
                channels |= dict.fromkeys(refunded, HERE)
                assert channels == {self._id(place): channel for place, channel in known.refunds.items()}
                assert connection.scalar(state) == known.shown_state

    def _number(self, order: int) -> str:
        return f"machine-{self.run_number}-{order}"

    def _id(self, place: int) -> str:
        return str(uuid.UUID(int=place, version=4))

    def _line(self, order: int, said: Mapping[str, Any]) -> ImportedOrder:
        paid = {self._id(place): 100 + said["wrong_amount"] for place in said["marks"]}
        marked = frozenset(self._id(place) for place, is_marked in said["marks"].items() if is_marked)
        as_of: datetime = NOW + timedelta(seconds=said["as_of"])
        return ImportedOrder(1, Order(self._number(order), FAR, said["state"], "CNY"), paid, marked, as_of)


def test_no_passenger_is_refunded_twice_by_any_channel_in_any_order_of_events(any_engine: Engine) -> None:
    class OnThisEngine(ShopAndClients):
        engine = any_engine
        happened: ClassVar[Counter[str]] = Counter()
        runs = itertools.count()

    run_state_machine_as_test(
        OnThisEngine,
        settings=settings(
            max_examples=60,
            stateful_step_count=25,
            derandomize=True,
            phases=(Phase.generate,),  # shortening an example takes minutes on a database
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert audit(url_of(any_engine)).clean
    everything = {"created", "taken", "conflict", "older", "refunded by both", "None"}
    everything |= {str(refusal) for refusal in Refusal if refusal is not Refusal.DEPARTS_TOO_SOON}
    assert everything <= {name for name, count in OnThisEngine.happened.items() if count}
