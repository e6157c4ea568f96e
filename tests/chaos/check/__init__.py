"""Hold what the clients recorded against what the ledger holds; every difference is a sentence.

Only the record and the tables count, nothing that the server or the load says of itself.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from refund_api.storage.tables import refund, refund_item

OK, REJECTED, ALREADY, TRY_AGAIN = 1, 1002, 2004, 3001
LATEST = 15.0  # seconds: the 8 that a request may take, and its wait for a thread; nginx gives up then


@dataclass(frozen=True)
class Asked:
    """What a request asked for, the ids once more as they were spelled, and its signature."""

    order: str
    passengers: frozenset[str]
    ids: str
    sign: str


@dataclass(frozen=True)
class Seen:
    """An answer: to which request, when that was sent and the answer read (ns), and what it said."""

    request: int
    sent_at: int
    at: int
    status: int
    code: int | None
    data: str | None


@dataclass
class Record:
    """What all clients wrote down."""

    asked: dict[int, Asked] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    timed_out: list[int] = field(default_factory=list)
    sent: int = 0


@dataclass(frozen=True)
class Ledger:
    """Refund number -> (order, passengers); and every item's (order, passenger)."""

    refunds: Mapping[str, tuple[str, frozenset[str]]]
    items: tuple[tuple[str, str], ...]


def read_record(directory: Path) -> Record:
    """All files of a directory."""
    record = Record()
    for path in sorted(directory.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            _add(record, json.loads(line))
    return record


def _add(record: Record, line: dict[str, Any]) -> None:
    if "sent" in line:
        record.sent += 1
        record.asked[line["sent"]] = Asked(line["order"], frozenset(line["passengers"]), line["ids"], line["sign"])
    elif "timed_out" in line:
        record.timed_out.append(line["timed_out"])
    else:
        values = (line[name] for name in ("answer", "sent_at", "at", "status", "code", "data"))
        record.seen.append(Seen(*values))


def read_ledger(engine: Engine) -> Ledger:
    """The refunds and items of a database."""
    with engine.connect() as connection:
        numbers = list(connection.execute(select(refund.c.refund_id, refund.c.order_number)))
        columns = (refund_item.c.refund_id, refund_item.c.order_number, refund_item.c.passenger_id)
        items = list(connection.execute(select(*columns)))
    passengers = defaultdict(set)
    for refund_id, _, passenger in items:
        passengers[refund_id].add(passenger)
    refunds = {number: (order, frozenset(passengers[number])) for number, order in numbers}
    return Ledger(refunds, tuple((order, passenger) for _, order, passenger in items))


def violations(record: Record, ledger: Ledger) -> dict[str, list[str]]:
    """Kind -> sentences, none where all is right. Every request must have been repeated until it was answered."""
    finders = {
        "lost": _lost(record, ledger),
        "unexplained": _unexplained(record, ledger),
        "double": _double(record, ledger),
        "differing repeats": _differing(record),
        "baseless refusals": _baseless(record, ledger),
        "signatures used twice": _signatures_used_twice(record),
        "unexpected answers": _unexpected(record),
        "unanswered": _unanswered(record),
        "late": _late(record),
    }
    return {kind: sorted(set(sentences)) for kind, sentences in finders.items()}


def _cancelled(record: Record) -> Iterator[tuple[Seen, Asked]]:
    """The answers that promise a refund."""
    return ((seen, record.asked[seen.request]) for seen in record.seen if seen.code == OK)


def _lost(record: Record, ledger: Ledger) -> Iterator[str]:
    for seen, asked in _cancelled(record):
        if ledger.refunds.get(seen.data or "") != (asked.order, asked.passengers):
            yield f"request {seen.request} was told {seen.data}, which is no refund of its order and passengers"


def _unexplained(record: Record, ledger: Ledger) -> Iterator[str]:
    asked_for = {(asked.order, asked.passengers) for asked in record.asked.values()}
    told = {seen.data for seen, _ in _cancelled(record)}
    for number, what in ledger.refunds.items():
        if what not in asked_for:
            yield f"nobody asked for refund {number}"
        elif number not in told:
            yield f"nobody was told of refund {number}"


def _double(record: Record, ledger: Ledger) -> Iterator[str]:
    """In the ledger; and to the eyes of the clients, whatever the ledger says."""
    for (order, passenger), times in Counter(ledger.items).items():
        if times > 1:
            yield f"{order}: {passenger} was refunded twice"
    told: dict[str, dict[str, frozenset[str]]] = defaultdict(dict)
    for seen, asked in _cancelled(record):
        told[asked.order][seen.data or ""] = asked.passengers
    for order, numbers in told.items():
        for first, second in combinations(numbers.values(), 2):
            for passenger in first & second:
                yield f"{order}: {passenger} was refunded twice"


def _differing(record: Record) -> Iterator[str]:
    """Two numbers for one set; or a refusal to who asked when the number was known already."""
    numbers = defaultdict(set)
    known_at: dict[tuple[str, frozenset[str]], int] = {}
    for seen, asked in _cancelled(record):
        key = (asked.order, asked.passengers)
        numbers[key].add(seen.data)
        known_at[key] = min(seen.at, known_at.get(key, seen.at))
    for (order, _), told in numbers.items():
        if len(told) > 1:
            yield f"{order}: one set of passengers, {len(told)} numbers"
    for seen in record.seen:
        asked = record.asked[seen.request]
        known = known_at.get((asked.order, asked.passengers))
        if known is not None and seen.sent_at > known and seen.code not in (OK, TRY_AGAIN, REJECTED):
            yield f"request {seen.request} got {seen.code} for a refund that was known"


def _baseless(record: Record, ledger: Ledger) -> Iterator[str]:
    """2004 without a refund that is in the way; 1002 without another request that used the signature."""
    sets = defaultdict(list)
    for order, passengers in ledger.refunds.values():
        sets[order].append(passengers)
    users = _users_of_signatures(record)
    for seen in record.seen:
        asked = record.asked[seen.request]
        if seen.code == ALREADY and not any(s & asked.passengers and s != asked.passengers for s in sets[asked.order]):
            yield f"request {seen.request} got {ALREADY}, but nothing is in its way"
        if seen.code == REJECTED and not users[asked.sign] - {(asked.order, asked.ids)}:
            yield f"request {seen.request} got {REJECTED}, but its signature served nothing else"


def _signatures_used_twice(record: Record) -> Iterator[str]:
    for sign, users in _users_of_signatures(record).items():
        if len(users) > 1:
            yield f"signature {sign} served {sorted(users)}"


def _users_of_signatures(record: Record) -> defaultdict[str, set[tuple[str, str]]]:
    """Signature -> the contents (order, ids as spelled) it was good for; the other members never differ."""
    users: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for seen in record.seen:
        if seen.code in (OK, ALREADY):
            asked = record.asked[seen.request]
            users[asked.sign].add((asked.order, asked.ids))
    return users


def _unexpected(record: Record) -> Iterator[str]:
    """The requests are all well formed, so anything else is an answer they must not get."""
    expected = {(200, OK), (200, REJECTED), (200, ALREADY), (503, TRY_AGAIN)}
    for seen in record.seen:
        if (seen.status, seen.code) not in expected:
            yield f"request {seen.request} got {seen.status} with code {seen.code}"


def _late(record: Record) -> Iterator[str]:
    for number in record.timed_out:
        yield f"request {number} was given up by its client"
    for seen in record.seen:
        seconds = (seen.at - seen.sent_at) / 1e9
        if seconds > LATEST:
            yield f"request {seen.request} was answered after {seconds:.1f} s"


def unproven(record: Record) -> list[str]:
    """What a load must have met, for the absence of violations to mean something."""
    codes = Counter(seen.code for seen in record.seen)
    asked = Counter((asked.order, asked.passengers) for asked in record.asked.values())
    sent = Counter(seen.request for seen in record.seen)
    met = {
        "a refund": codes[OK],
        "an overlap": codes[ALREADY],
        "a stolen signature": codes[REJECTED],
        "a repeat signed anew": sum(times > 1 for times in asked.values()),
        "the same bytes again": sum(times > 1 for times in sent.values()),
    }
    return [f"the load had not {what}" for what, times in met.items() if not times]


def _unanswered(record: Record) -> Iterable[str]:
    answered = {seen.request for seen in record.seen if seen.code != TRY_AGAIN}
    return (f"request {number} was never answered" for number in record.asked.keys() - answered)
