"""WSGI targets for tests: the service with one safeguard taken away, so that the fault can be seen.

Factories, because each changes its process: `tests.chaos.faulty:unlocked()`.
"""

from __future__ import annotations

from flask import Flask
from sqlalchemy import bindparam, select

from app import create_app
from refund_api.domain import Nonce
from refund_api.settings import Settings
from refund_api.storage import ledger
from refund_api.storage.engines.compiled import always
from refund_api.storage.tables import orders

_ORDER = select(orders.c.order_number, orders.c.train_date, orders.c.state, orders.c.currency)
_nonces: dict[str, str] = {}


def unlocked() -> Flask:
    """Reads the order without FOR UPDATE."""
    ledger._LOCK_ORDER = always(_ORDER.where(orders.c.order_number == bindparam("order_number")))
    return create_app(Settings.from_environ().for_serving())


def forgetful() -> Flask:
    """Keeps the nonces in the memory of the process."""
    ledger.SqlLedger.claim_nonce = _remember  # type: ignore[method-assign]
    return create_app(Settings.from_environ().for_serving())


def _remember(self: ledger.SqlLedger, nonce: Nonce, order_number: str) -> bool:
    return _nonces.setdefault(nonce.value, nonce.fingerprint) == nonce.fingerprint
