"""What a line of the feed does to an order that is known: the rules, without a database.

The shop decides state and train date, also of an order with refunds; a line that is older than what is known changes
neither. What was paid is never changed. Whom another channel has cancelled stays so for ever. Such a mark is taken from
every line that can be read, also from one that is old or contradicts what was paid: a mark that was lost would let a
passenger be refunded twice. `cancelled` is the word of the ledger, for an order whose passengers are all cancelled.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import datetime

from ...domain import CANCELLED, Order, Passenger, cancelled_passengers
from .feed_order import MAX_PASSENGERS_OF_ORDER, ImportedOrder


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """An order in the ledger. `refunded` has the passengers refunded here."""

    order: Order
    as_of: datetime | None
    passengers: Mapping[str, Passenger]
    refunded: Set[str]


@dataclass(frozen=True, slots=True)
class Merged:
    """What becomes of the known order.

    `marked` are the known passengers who turn out to be cancelled elsewhere, `added` those that are new. `conflict` and
    `older` say why the rest of the line was left out. `kept_marks` are marks that the line does not repeat.
    `refunded_by_both` are passengers whom this service refunded and another channel too: they get no mark.
    """

    order: Order
    as_of: datetime | None
    added: Mapping[str, Passenger]
    marked: Set[str]
    conflict: str | None
    older: bool
    kept_marks: Set[str]
    refunded_by_both: Set[str]


def says_nothing_new(known: KnownOrder, line: ImportedOrder, as_of: datetime) -> bool:
    """Whether the line repeats what is known, but for its time. This look spares most lines of a large feed `merge`."""
    if line.order != known.order or line.cancelled_elsewhere or (known.as_of is not None and as_of < known.as_of):
        return False
    for passenger_id, amount in line.paid.items():
        passenger = known.passengers.get(passenger_id)
        if passenger is None or passenger.paid_minor != amount or passenger.cancelled_elsewhere:
            return False
    return True


def merge(known: KnownOrder, line: ImportedOrder, as_of: datetime) -> Merged:
    """The line applied to the order; `as_of` is when the shop knew what it says."""
    conflict = _conflict(known, line)
    older = known.as_of is not None and as_of < known.as_of
    is_taken = conflict is None and not older
    elsewhere = set(line.cancelled_elsewhere)
    known_marks = {passenger_id for passenger_id, p in known.passengers.items() if p.cancelled_elsewhere}
    marked = (elsewhere & known.passengers.keys()) - known_marks - known.refunded
    added = passengers_of(line, line.paid.keys() - known.passengers.keys()) if is_taken else {}
    everybody = {**known.passengers, **added}
    cancelled = cancelled_passengers(everybody, known.refunded) | marked
    order = Order(
        known.order.order_number,
        line.order.train_date if is_taken else known.order.train_date,
        state_of(line.order.state if is_taken else known.order.state, everybody.keys(), cancelled),
        known.order.currency,
    )
    return Merged(
        order=order,
        as_of=as_of if is_taken else known.as_of,
        added=added,
        marked=marked,
        conflict=conflict,
        older=older,
        kept_marks=(known_marks & line.paid.keys()) - elsewhere,
        refunded_by_both=elsewhere & known.refunded,
    )


def passengers_of(line: ImportedOrder, passenger_ids: Set[str]) -> dict[str, Passenger]:
    """Those passengers of the line."""
    return {
        passenger_id: Passenger(line.paid[passenger_id], passenger_id in line.cancelled_elsewhere)
        for passenger_id in passenger_ids
    }


def state_of(state: str, passenger_ids: Set[str], cancelled: Set[str]) -> str:
    """The state that the shop gives an order, or the ledger's word when all of its passengers are cancelled."""
    return CANCELLED if passenger_ids and passenger_ids <= cancelled else state


def _conflict(known: KnownOrder, line: ImportedOrder) -> str | None:
    if line.order.currency != known.order.currency:
        return f"the currency is {known.order.currency}, the line says {line.order.currency}"
    for passenger_id, amount in line.paid.items():
        passenger = known.passengers.get(passenger_id)
        if passenger is not None and passenger.paid_minor != amount:
            return f"passenger {passenger_id} paid {passenger.paid_minor}, the line says {amount}"
    together = len(line.paid.keys() | known.passengers.keys())
    if together > MAX_PASSENGERS_OF_ORDER:
        return f"with the line's the order would have {together} passengers, more than {MAX_PASSENGERS_OF_ORDER}"
    return None
