"""Pairs of requests that reach two servers at the same moment; the ledger must let only one of them be the first."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path

from tests.servers import Gunicorn

from .client import Client, Request, make_request
from .stage import Booking

_LANES = 4
_ATTEMPTS = 5
_PATIENCE = 100.0  # seconds for the other half of a pair to be through with the one before

Pair = tuple[Request, Request]


def _first(order: Booking) -> Request:
    return make_request(order.order_number, order.passengers[:2])


def same_bytes(order: Booking, other: Booking) -> Pair:
    """One refund, one number."""
    return (request := _first(order)), request


def signed_anew(order: Booking, other: Booking) -> Pair:
    """The same: who is refunded counts, not the order or the case of the ids."""
    return _first(order), make_request(order.order_number, order.passengers[1::-1])


def overlapping(order: Booking, other: Booking) -> Pair:
    """One refund; the other set gets 2004."""
    return _first(order), make_request(order.order_number, order.passengers[1:])


def one_signature(order: Booking, other: Booking) -> Pair:
    """One refund; the other order gets 1002."""
    return (used := _first(order)), make_request(other.order_number, other.passengers, like=used)


def two_orders(order: Booking, other: Booking) -> Pair:
    """Two refunds, one by each server."""
    return _first(order), _first(other)


KINDS: tuple[Callable[[Booking, Booking], Pair], ...] = (
    same_bytes,
    signed_anew,
    overlapping,
    one_signature,
    two_orders,
)


def make_pairs(orders: Sequence[Booking]) -> list[Pair]:
    """A pair for every two orders, the kinds in turn. An order needs three passengers."""
    kinds = cycle(KINDS)
    return [next(kinds)(order, other) for order, other in zip(orders[::2], orders[1::2], strict=True)]


def ask_pairs(servers: Mapping[str, Gunicorn], records: Path, pairs: Sequence[Pair]) -> None:
    """Several pairs at a time, to two servers. The two requests of a pair leave together, one to each server; to which, is random."""
    shuffled = [random.choice((pair, pair[::-1])) for pair in pairs]
    with ExitStack() as exits:
        pool = exits.enter_context(ThreadPoolExecutor(len(servers) * _LANES))
        working = []
        for lane in range(_LANES):
            start = threading.Barrier(len(servers))
            for place, (side, server) in enumerate(servers.items()):
                client = exits.enter_context(Client(server, records / f"{side}-{lane}.jsonl"))
                requests = [pair[place] for pair in shuffled[lane::_LANES]]
                working.append(pool.submit(_ask_all, client, requests, start, side))
        for work in working:
            work.result()


def _ask_all(client: Client, requests: Sequence[Request], start: threading.Barrier, side: str) -> None:
    for request in requests:
        start.wait(_PATIENCE)
        for _ in range(_ATTEMPTS):
            answer = client.ask(request, {"X-Request-ID": side})
            if answer is not None and answer.final:
                break
