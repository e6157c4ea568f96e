"""A demo order for a first try: one that can be cancelled whole."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, Engine, bindparam, exists, select

from ...domain import BOOKED
from ..budget import Budget
from ..tables import orders, passenger, refund
from ..transaction import run_reading
from .demo_ledger import BEHIND_THE_PREFIX, DEMO_PREFIX

_ORDER = (
    select(orders.c.order_number)
    .where(
        orders.c.order_number >= DEMO_PREFIX,
        orders.c.order_number < BEHIND_THE_PREFIX,
        orders.c.state == BOOKED,
        orders.c.train_date >= bindparam("earliest"),
        ~exists().where(refund.c.order_number == orders.c.order_number),
    )
    .order_by(orders.c.order_number)
    .limit(1)
)
_PASSENGERS = (
    select(passenger.c.passenger_id)
    .where(passenger.c.order_number == bindparam("order_number"))
    .order_by(passenger.c.passenger_id)
)
_BRIEFLY = Budget(lock=0.5, statement=0.6, whole=0.7)


def find_demo_order(engine: Engine, earliest: date) -> tuple[str, list[str]] | None:
    """Number and passenger ids of an order that departs on `earliest` or later; None when there is none left.

    LedgerUnavailable, within 0.7 s.
    """

    def look(connection: Connection) -> tuple[str, list[str]] | None:
        order_number = connection.scalar(_ORDER, {"earliest": earliest})
        if order_number is None:
            return None
        return order_number, [*connection.scalars(_PASSENGERS, {"order_number": order_number})]

    return run_reading(engine, look, _BRIEFLY)
