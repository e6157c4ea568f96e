"""A client that does what clients do, in any order that Hypothesis finds: every answer is what the model says.

It cancels in every format, scheme and spelling, repeats bytes, signs anew, uses a captured legacy signature for
something else, and asks for passengers who were refunded in another set, while the clock goes on.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as with_seed
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from refund_api.signing.schemes import SCHEMES
from refund_api.signing.time_stamp import TIME_STAMP_FORMAT
from refund_api.storage.audit import Report
from tests.wire import FORMATS, Format
from tests.world import FAR_DAY, NOW, STRANGER

from .judge import code_of, faults, negotiated, number_of
from .model import Asked, Model
from .orders import Booking
from .sent import SentRequest, Signed
from .signing import sign
from .target import Target

_numbers = itertools.count(1)
"""One for each order and signature: all examples of a run share a ledger."""

_KINDS = ((3, 60, "booked"), (2, 60, "booked"), (2, 0, "booked"), (1, 60, "ticketed"))
"""Passengers, days after the first possible day, and state of the orders of an example."""


@dataclass(frozen=True)
class Wish:
    """Which order, by its place, past the last for an unknown one; and which passengers, by theirs, 3 for a stranger."""

    order: int
    passengers: frozenset[int]
    reason: str | None


@dataclass(frozen=True)
class Style:
    """How a request is spelled."""

    form: Format
    scheme: str
    backwards: bool
    capitals: bool
    separator: str


@dataclass(frozen=True)
class Earlier:
    """A request that was sent."""

    wish: Wish
    asked: Asked
    members: dict[str, Any]
    request: SentRequest


WISHES = st.builds(
    Wish,
    st.sampled_from((0, 0, 0, 1, 1, 1, *range(len(_KINDS) + 1))),
    st.frozensets(st.sampled_from((0, 0, 0, 1, 1, 1, 2, 3)), min_size=1, max_size=3),
    st.sampled_from((None, "Plans changed", "行程有变\n𐍈")),
)
STYLES = st.builds(
    Style,
    st.sampled_from(FORMATS),
    st.sampled_from(sorted(SCHEMES)),
    st.booleans(),
    st.booleans(),
    st.sampled_from((",", ", ", " ,")),
)


class Clients(RuleBasedStateMachine):
    """The machine; a subclass says on which target."""

    target: ClassVar[Target]
    codes: ClassVar[Counter[int]]
    sent = Bundle("sent")

    def __init__(self) -> None:
        super().__init__()
        self.target.now = NOW
        self.orders = [_booking(next(_numbers), *kind) for kind in _KINDS]
        self.target.book(self.orders)
        self.model = Model({order.order_number: order for order in self.orders})

    @rule(target=sent, wish=WISHES, style=STYLES)
    def cancel(self, wish: Wish, style: Style) -> Earlier:
        return self._ask(wish, style, None)

    @rule(earlier=sent)
    def repeat(self, earlier: Earlier) -> None:
        """The same bytes."""
        self._send(earlier)

    @rule(target=sent, earlier=sent, style=STYLES)
    def sign_anew(self, earlier: Earlier, style: Style) -> Earlier:
        return self._ask(earlier.wish, style, None)

    @rule(target=sent, earlier=sent, wish=WISHES, style=STYLES)
    def steal(self, earlier: Earlier, wish: Wish, style: Style) -> Earlier:
        """A captured signature, of which a legacy one covers neither order nor passengers."""
        return self._ask(wish, style, earlier)

    @rule(target=sent, earlier=sent, more=st.frozensets(st.integers(0, 2), min_size=1), style=STYLES)
    def overlap(self, earlier: Earlier, more: frozenset[int], style: Style) -> Earlier:
        """Some passengers of an earlier request with others of the same order."""
        some = frozenset(sorted(earlier.wish.passengers)[:1])
        return self._ask(Wish(earlier.wish.order, some | more, None), style, None)

    @rule(seconds=st.sampled_from((1, 150, 299, 300, 301, 24 * 60 * 60)))
    def wait(self, seconds: int) -> None:
        self.target.now += timedelta(seconds=seconds)

    @invariant()
    def no_passenger_is_in_two_refunds(self) -> None:
        for order in self.orders:
            sets = [passengers for number, passengers in self.model.refunds if number == order.order_number]
            assert len(self.model.refunded(order.order_number)) == sum(map(len, sets))

    def teardown(self) -> None:
        assert self.target.items_of(self.model.orders) == self.model.items()

    def _ask(self, wish: Wish, style: Style, stolen: Earlier | None) -> Earlier:
        members = self._members(wish, style)
        if stolen is None:
            members["sign"] = sign(members, style.scheme)
        else:
            members |= {name: stolen.members[name] for name in ("time_stamp", "random", "sign")}
        content = _content(members)
        asked = Asked(
            order_number=members["order_number"],
            passengers=self._passengers(wish),
            scheme=stolen.asked.scheme if stolen else style.scheme,
            signed_at=stolen.asked.signed_at if stolen else self.target.now,
            content=content,
            signed_for=stolen.asked.signed_for if stolen else content,
        )
        headers = (("Content-Type", style.form.content_type), ("Accept", "application/json"))
        signed = Signed(asked.scheme, asked.order_number, asked.passengers, members["sign"])
        request = SentRequest("POST", "/api/order/cancel", headers, style.form.write(members), signed=signed)
        earlier = Earlier(wish, asked, members, request)
        self._send(earlier)
        return earlier

    def _members(self, wish: Wish, style: Style) -> dict[str, Any]:
        """What goes over the wire, but for the sign."""
        order = self._order(wish)
        ids = sorted(self._passengers(wish), reverse=style.backwards)
        return {
            "order_number": order.order_number if order else "CTT-NONE",
            "refund_passanger_ids": style.separator.join(one.upper() if style.capitals else one for one in ids),
            "refund_reason": wish.reason,
            "terminal": 1,
            "time_stamp": self.target.now.strftime(TIME_STAMP_FORMAT),
            "random": next(_numbers),
        }

    def _order(self, wish: Wish) -> Booking | None:
        return self.orders[wish.order] if wish.order < len(self.orders) else None

    def _passengers(self, wish: Wish) -> frozenset[str]:
        order = self._order(wish)
        known = order.passengers if order else ()
        return frozenset(known[place % len(known)] if known and place < 3 else STRANGER for place in wish.passengers)

    def _send(self, earlier: Earlier) -> None:
        """Send it, and hold the answer against the model and against what any answer must be."""
        request, asked = earlier.request, earlier.asked
        expected = self.model.code(asked, self.target.now)
        before = self.target.counts()
        answer = self.target.send(request)
        sentences = list(faults(request, answer, negotiated(request), self.target, before, self.target.counts()))
        assert not sentences, sentences
        assert code_of(answer) == expected, (asked, answer)
        self.codes[expected] += 1
        if expected == 1:
            number = number_of(answer)
            assert number is not None
            assert self.model.refunds.setdefault((asked.order_number, asked.passengers), number) == number


def _content(members: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(value for name, value in sorted(members.items()) if name != "sign")


def _booking(number: int, passengers: int, days_later: int, state: str) -> Booking:
    ids = tuple(f"{number:08x}-0000-4000-8000-{place:012x}" for place in range(passengers))
    return Booking(f"CTT-MACHINE-{number}", ids, FAR_DAY + timedelta(days=days_later), state)


def run_machine(target: Target, *, examples: int, seed: int | None = None) -> tuple[Report, Counter[int]]:
    """Run it on the ledger of the target; the audit of that, and how often each code was answered.

    Without a seed, every run has the same examples, and one that fails is not shortened: that takes minutes, and a test
    may not. Run `make fuzz` to have the shortest one.
    """
    phases = (Phase.generate,) if seed is None else (Phase.generate, Phase.shrink)

    class ClientsOfTarget(Clients):
        pass

    ClientsOfTarget.target, ClientsOfTarget.codes = target, Counter()
    run_state_machine_as_test(
        ClientsOfTarget if seed is None else with_seed(seed)(ClientsOfTarget),
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            derandomize=seed is None,
            phases=phases,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    return target.audit(), ClientsOfTarget.codes
