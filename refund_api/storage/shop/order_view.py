"""An order as an operator looks at it: its passengers, its refunds, and whether those were paid out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BindParameter, Connection, Engine, bindparam, select

from ...domain import Order
from ..tables import orders, passenger, refund, refund_item, refund_outbox
from ..transaction import run_reading

_NUMBER: BindParameter[str] = bindparam("order_number")
_ORDER = select(orders).where(orders.c.order_number == _NUMBER)
_PASSENGERS = (
    select(
        passenger.c.passenger_id, passenger.c.paid_minor, refund_item.c.refund_id, passenger.c.cancelled_elsewhere_at
    )
    .select_from(passenger.outerjoin(refund_item))
    .where(passenger.c.order_number == _NUMBER)
    .order_by(passenger.c.passenger_id)
)
_REFUNDS = (
    select(
        refund.c.refund_id,
        refund.c.amount_minor,
        refund.c.currency,
        refund.c.reason,
        refund.c.recorded_at,
        refund.c.decided_at,
        refund.c.source,
        refund.c.kid,
        refund.c.request_id,
        refund_outbox.c.state.label("outbox_state"),
    )
    .select_from(refund.outerjoin(refund_outbox))
    .where(refund.c.order_number == _NUMBER)
    .order_by(refund.c.recorded_at, refund.c.refund_id)
)
# No index begins with the refund's number: its keys begin with the order (tables.py). A key is read for each refund.
_ORDER_OF_REFUND = select(refund.c.order_number).where(refund.c.refund_id == bindparam("refund_id"))


@dataclass(frozen=True, slots=True)
class PassengerView:
    """A passenger; `refund_id` is None while not refunded here, `cancelled_elsewhere_at` unless the shop told of it."""

    passenger_id: str
    paid_minor: int
    refund_id: str | None
    cancelled_elsewhere_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RefundView:
    """A refund; its number is `refund_id`. `outbox_state`: new, sent or failed."""

    refund_id: str
    amount_minor: int
    currency: str
    reason: str | None
    recorded_at: datetime
    decided_at: datetime
    source: str
    kid: str
    request_id: str
    outbox_state: str | None


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order with its passengers and refunds; times are aware, UTC. `as_of` is when the shop last spoke of it."""

    order: Order
    updated_at: datetime
    as_of: datetime | None
    passengers: tuple[PassengerView, ...]
    refunds: tuple[RefundView, ...]


def find_order_of_refund(engine: Engine, refund_id: str) -> str | None:
    """The number of the order that the refund is of, or None. LedgerUnavailable."""

    def look(connection: Connection) -> str | None:
        order_number: str | None = connection.scalar(_ORDER_OF_REFUND, {"refund_id": refund_id})
        return order_number

    return run_reading(engine, look)


def read_order(engine: Engine, order_number: str) -> OrderView | None:
    """The order, or None. LedgerUnavailable."""

    def look(connection: Connection) -> OrderView | None:
        key = {"order_number": order_number}
        order = connection.execute(_ORDER, key).one_or_none()
        if order is None:
            return None
        passengers = tuple(PassengerView(*row) for row in connection.execute(_PASSENGERS, key))
        refunds = tuple(RefundView(**row) for row in connection.execute(_REFUNDS, key).mappings())
        return OrderView(Order(*order[:4]), order.updated_at, order.as_of, passengers, refunds)

    return run_reading(engine, look)
