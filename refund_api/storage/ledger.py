"""The ledger in SQL, on one connection inside one transaction.

The statements are compiled once, and a request only adds values (engines/compiled.py). On a server each of them is a
round trip, so what may go together does (docs/adr/0014): all that is read behind the lock, and all that is written.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
    Connection,
    String,
    and_,
    bindparam,
    cast,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.sql.dml import UpdateBase

from ..domain import CANCELLED, History, Nonce, Order, Passenger, Refund
from ..ports import Clock, utc_now
from .engines.base import EngineKind
from .engines.compiled import DriverCursor, Statement, always
from .engines.table import PerEngine
from .order_waits import OrderWaits
from .shop.freshness import newest_feed
from .tables import orders, passenger, refund, refund_item, refund_outbox, request_nonce

_ORDER: BindParameter[str] = bindparam("order_number")

_INSERT_NONCE = Statement(lambda kind: kind.insert_unless_exists(request_nonce, "nonce"))
_NONCE_FINGERPRINT = always(select(request_nonce.c.fingerprint).where(request_nonce.c.nonce == bindparam("nonce")))
_LOCK_ORDER = always(
    select(orders.c.order_number, orders.c.train_date, orders.c.state, orders.c.currency)
    .where(orders.c.order_number == _ORDER)
    .with_for_update()
)
# Never a part of _LOCK_ORDER: on PostgreSQL that would read what was true before it waited for the lock.
_HISTORY = always(
    select(
        passenger.c.passenger_id,
        passenger.c.paid_minor,
        passenger.c.cancelled_elsewhere_at.is_not(None),
        refund_item.c.passenger_id.is_not(None),
        select(refund.c.refund_id)
        .where(refund.c.order_number == _ORDER, refund.c.set_hash == bindparam("set_hash"))
        .scalar_subquery(),
    )
    .outerjoin_from(
        passenger,
        refund_item,
        and_(refund_item.c.order_number == _ORDER, refund_item.c.passenger_id == passenger.c.passenger_id),
    )
    .where(passenger.c.order_number == _ORDER)
)


def _writes(kind: EngineKind) -> Sequence[UpdateBase]:
    """What a refund writes, in the order that foreign keys ask for."""
    item = kind.pairs(bindparam("items", type_=String))
    key = ("order_number", "refund_id")
    items = select(*(bindparam(name, type_=String) for name in key), item.c.key, cast(item.c.value, BigInteger))
    queued = {"state": literal("new"), "attempts": literal(0), "next_try_at": bindparam("recorded_at")}
    return (
        insert(refund).values({column.name: bindparam(column.name) for column in refund.columns}),
        insert(refund_item).from_select([*key, "passenger_id", "amount_minor"], items),
        insert(refund_outbox).values({name: bindparam(name) for name in key} | queued),
        update(orders)
        .where(orders.c.order_number == _ORDER, bindparam("closes_order", type_=Boolean))
        .values(state=literal(CANCELLED), updated_at=bindparam("recorded_at")),
    )


_RECORD = PerEngine(lambda kind: [always(write) for write in kind.together(_writes(kind))])


class SqlLedger:
    """ports.Ledger on a connection. The caller begins and ends the transaction.

    Two statements may wait for another transaction: the nonce, for one with the same nonce, and the lock of the order.
    """

    def __init__(self, connection: Connection, clock: Clock = utc_now, waits: OrderWaits | None = None) -> None:
        self._connection = connection
        self._cursor = DriverCursor(connection)
        self._clock = clock
        self._waits = waits or OrderWaits()

    def claim_nonce(self, nonce: Nonce, order_number: str) -> bool:
        row = {
            "nonce": nonce.value,
            "fingerprint": nonce.fingerprint,
            "order_number": order_number,
            "expires_at": nonce.expires_at,
        }
        with self._waits.waiting(order_number):
            is_new = self._cursor.run(_INSERT_NONCE, row) == 1
        # No row: `db purge` deleted it between the two statements. It had expired, so it is a conflict (False).
        return is_new or self._cursor.rows(_NONCE_FINGERPRINT, row) == [(nonce.fingerprint,)]

    def lock_order(self, order_number: str) -> Order | None:
        with self._waits.waiting(order_number):
            rows = self._cursor.rows(_LOCK_ORDER, {"order_number": order_number})
        return Order(*rows[0]) if rows else None

    def history(self, order_number: str, set_hash: str) -> History:
        rows = self._cursor.rows(_HISTORY, {"order_number": order_number, "set_hash": set_hash})
        return History(
            passengers={row[0]: Passenger(row[1], row[2]) for row in rows},
            refunded={row[0] for row in rows if row[3]},
            equal_refund=rows[0][4] if rows else None,
        )

    def newest_feed(self) -> datetime | None:
        return newest_feed(self._connection)

    def record(self, refund: Refund, *, closes_order: bool) -> None:
        values = {
            "order_number": refund.order_number,
            "refund_id": refund.refund_id,
            "set_hash": refund.set_hash,
            "amount_minor": refund.amount_minor,
            "currency": refund.currency,
            "reason": refund.reason,
            "recorded_at": self._clock(),
            "decided_at": refund.decided_at,
            "source": refund.source,
            "kid": refund.kid,
            "request_id": refund.request_id,
            "items": json.dumps(refund.items),
            "closes_order": closes_order,
        }
        for statement in _RECORD.on(self._connection):
            self._cursor.run(statement, values)
