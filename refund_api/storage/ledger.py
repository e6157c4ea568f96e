"""The ledger in SQL, on one connection inside one transaction.

The statements are built once, at import; a request only adds parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from datetime import datetime

from sqlalchemy import BindParameter, Connection, bindparam, insert, select, update

from ..domain import CANCELLED, Nonce, Order, Passenger, Refund
from ..ports import Clock, utc_now
from .engines.table import PerEngine
from .order_waits import OrderWaits
from .shop.freshness import newest_feed
from .tables import orders, passenger, refund, refund_item, refund_outbox, request_nonce

_ORDER: BindParameter[str] = bindparam("order_number")

_INSERT_NONCE = PerEngine(lambda kind: kind.insert_unless_exists(request_nonce, "nonce"))
_NONCE_FINGERPRINT = select(request_nonce.c.fingerprint).where(request_nonce.c.nonce == bindparam("nonce"))
_LOCK_ORDER = (
    select(orders.c.order_number, orders.c.train_date, orders.c.state, orders.c.currency)
    .where(orders.c.order_number == _ORDER)
    .with_for_update()
)
_FIND_REFUND = select(refund.c.refund_id).where(
    refund.c.order_number == _ORDER, refund.c.set_hash == bindparam("set_hash")
)
_PASSENGERS = select(
    passenger.c.passenger_id, passenger.c.paid_minor, passenger.c.cancelled_elsewhere_at.is_not(None)
).where(passenger.c.order_number == _ORDER)
_REFUNDED = select(refund_item.c.passenger_id).where(refund_item.c.order_number == _ORDER)
_INSERT_REFUND = insert(refund)
_INSERT_ITEM = insert(refund_item)
_INSERT_OUTBOX = insert(refund_outbox)
_SET_STATE = (
    update(orders)
    .where(orders.c.order_number == bindparam("this_order"))
    .values(state=bindparam("state"), updated_at=bindparam("updated_at"))
)


class SqlLedger:
    """ports.Ledger on a connection. The caller begins and ends the transaction.

    Two statements may wait for another transaction: the nonce, for one with the same nonce, and the lock of the order.
    """

    def __init__(self, connection: Connection, clock: Clock = utc_now, waits: OrderWaits | None = None) -> None:
        self._connection = connection
        self._clock = clock
        self._waits = waits or OrderWaits()

    def claim_nonce(self, nonce: Nonce, order_number: str) -> bool:
        row = {
            "nonce": nonce.value,
            "fingerprint": nonce.fingerprint,
            "order_number": order_number,
            "expires_at": nonce.expires_at,
        }
        statement = _INSERT_NONCE.on(self._connection)
        with self._waits.waiting(order_number):
            result = self._connection.execute(statement, row, execution_options={"preserve_rowcount": True})
        if result.rowcount == 1:
            return True
        # None: `db purge` deleted the row between the two statements. It had expired, so it is a conflict (False).
        fingerprint = self._connection.scalar(_NONCE_FINGERPRINT, {"nonce": nonce.value})
        return bool(fingerprint == nonce.fingerprint)

    def lock_order(self, order_number: str) -> Order | None:
        with self._waits.waiting(order_number):
            row = self._connection.execute(_LOCK_ORDER, {"order_number": order_number}).one_or_none()
        return None if row is None else Order(*row)

    def find_refund(self, order_number: str, set_hash: str) -> str | None:
        key = {"order_number": order_number, "set_hash": set_hash}
        refund_id: str | None = self._connection.scalar(_FIND_REFUND, key)
        return refund_id

    def newest_feed(self) -> datetime | None:
        return newest_feed(self._connection)

    def passengers(self, order_number: str) -> Mapping[str, Passenger]:
        rows = self._connection.execute(_PASSENGERS, {"order_number": order_number})
        return {passenger_id: Passenger(paid, bool(elsewhere)) for passenger_id, paid, elsewhere in rows}

    def refunded(self, order_number: str) -> Set[str]:
        return frozenset(self._connection.scalars(_REFUNDED, {"order_number": order_number}))

    def record(self, refund: Refund, *, closes_order: bool) -> None:
        now = self._clock()
        key = {"order_number": refund.order_number, "refund_id": refund.refund_id}
        self._connection.execute(
            _INSERT_REFUND,
            key
            | {
                "set_hash": refund.set_hash,
                "amount_minor": refund.amount_minor,
                "currency": refund.currency,
                "reason": refund.reason,
                "recorded_at": now,
                "decided_at": refund.decided_at,
                "source": refund.source,
                "kid": refund.kid,
                "request_id": refund.request_id,
            },
        )
        items = [
            key | {"passenger_id": passenger_id, "amount_minor": amount}
            for passenger_id, amount in sorted(refund.items.items())
        ]
        self._connection.execute(_INSERT_ITEM, items)
        self._connection.execute(_INSERT_OUTBOX, key | {"state": "new", "attempts": 0, "next_try_at": now})
        if closes_order:
            row = {"this_order": refund.order_number, "state": CANCELLED, "updated_at": now}
            self._connection.execute(_SET_STATE, row)
