"""The forms of a feed: JSON Lines and CSV, plain or gzip, whole or damaged, give the same orders and the same faults."""

from __future__ import annotations

import gzip
import io
import json
import os
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from refund_api.domain import Order
from refund_api.storage.shop.feed_file import MOST_LISTED
from refund_api.storage.shop.feed_text import MAX_LINE
from refund_api.storage.shop.importing import BadLines, ImportedOrder, read_import
from tests.world import ALICE, BOB, CAROL

from .given import ROOT

HEADER = "order_number,train_date,state,currency,as_of,passenger_id,paid_minor,cancelled_elsewhere"
ROWS = [
    f"CTT1,2027-06-01,booked,CNY,2026-11-23T08:00:00Z,{ALICE},100,",
    f"CTT1,2027-06-01,booked,CNY,2026-11-23T08:00:00Z,{BOB.upper()},0,1",
    f'"CTT ""2"", é",2027-06-02,ticketed,USD,,{CAROL},7,false',
]
AS_OF = datetime(2026, 11, 23, 8, tzinfo=UTC)
ORDERS = [
    ImportedOrder(2, Order("CTT1", date(2027, 6, 1), "booked", "CNY"), {ALICE: 100, BOB: 0}, frozenset([BOB]), AS_OF),
    ImportedOrder(4, Order('CTT "2", é', date(2027, 6, 2), "ticketed", "USD"), {CAROL: 7}, frozenset(), None),
]
CSV = "\n".join([HEADER, *ROWS])


def json_line(order: ImportedOrder) -> str:
    marks = order.cancelled_elsewhere
    value: dict[str, Any] = {
        "order_number": order.order.order_number,
        "train_date": order.order.train_date.isoformat(),
        "state": order.order.state,
        "currency": order.order.currency,
        "passengers": [
            {"passenger_id": p, "paid_minor": paid} | ({"cancelled_elsewhere": True} if p in marks else {})
            for p, paid in order.paid.items()
        ],
    }
    return json.dumps(value | ({"as_of": order.as_of.isoformat()} if order.as_of else {}))


JSON_LINES = "\n" + "\n\n".join(json_line(order) for order in ORDERS)  # on the same lines as in the CSV


def read(content: bytes) -> tuple[list[ImportedOrder], BadLines]:
    found, bad_lines = read_import(io.BytesIO(content))
    with found:
        return list(found), bad_lines


def faults(content: bytes) -> list[tuple[int, str]]:
    return [(bad.line, fault) for bad in read(content)[1].first for fault in bad.faults]


@pytest.mark.parametrize("text", [CSV, JSON_LINES], ids=["csv", "json"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["raw", "gzip"])
@pytest.mark.parametrize("end", ["", "\n\n"], ids=["cut", "closed"])
def test_every_form_gives_the_same_orders(text: str, ending: str, start: bytes, pack: Any, end: str) -> None:
    orders, bad_lines = read(pack(start + (text + end).replace("\n", ending).encode()))
    assert bad_lines.first == []
    assert orders == ORDERS


def test_a_pipe_is_read_though_it_cannot_be_rewound() -> None:
    for content in (CSV.encode(), gzip.compress(JSON_LINES.encode())):
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb") as sender:
            sender.write(content)
        with os.fdopen(reading, "rb") as pipe:
            found, _ = read_import(pipe)
            with found:
                assert list(found) == ORDERS


def test_the_columns_of_a_csv_may_stand_in_any_order_and_what_is_not_needed_may_be_missing() -> None:
    orders, bad_lines = read(
        f"paid_minor,passenger_id,currency,state,train_date,order_number\n5,{ALICE},CNY,booked,2027-06-01,1\n".encode()
    )
    assert bad_lines.count == 0
    assert orders == [ImportedOrder(2, Order("1", date(2027, 6, 1), "booked", "CNY"), {ALICE: 5})]


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("CTT9", ["1 cells, the header has 8"]),
        (f"{ROWS[2]},", ["9 cells, the header has 8"]),
        ('"CTT9', ["not CSV: unexpected end of data"]),
        (
            f"CTT9,2027-6-1,Booked,,yesterday,{ALICE},1e3,maybe",
            [
                'train_date "2027-6-1": not a date YYYY-MM-DD from 2000 to 2099',
                'state "Booked": not 1 to 16 of a-z and _',
                "currency is missing",
                'as_of "yesterday": not a time with its zone, as 2027-06-01T08:00:00Z',
                'paid_minor "1e3": not an integer from 0 to 1000000000000000',
                'cancelled_elsewhere "maybe": not true or false',
            ],
        ),
        (f"CTT1,2027-06-02,booked,CNY,,{CAROL},1,", ["not the same order as on line 2, whose number it has"]),
        (f"CTT1,2027-06-01,booked,CNY,,{ALICE},1,", [f"passenger_id {ALICE} is there twice"]),
        (
            f"  ,2027-06-01,booked,CNY,,{CAROL},1,",
            ['order_number "  ": blank, or not 1 to 64 characters without control characters'],
        ),
        (f"CTT9,2027-06-01,booked,CNY,,{CAROL},,", ["paid_minor is missing"]),
        (f"CTT9,2027-06-01,booked,CNY,,{CAROL},-1,", ["paid_minor -1: not an integer from 0 to 1000000000000000"]),
    ],
)
def test_all_faults_of_a_row_are_told_with_its_line(row: str, found: list[str]) -> None:
    assert faults("\n".join([HEADER, *ROWS[:2], row, ROWS[2]]).encode()) == [(4, fault) for fault in found]


def test_rows_of_an_order_that_come_again_later_are_a_line_of_their_own() -> None:
    again = ROWS[0].replace("booked", "ticketed")
    orders, bad_lines = read("\n".join([HEADER, *ROWS, again]).encode())
    assert bad_lines.count == 0
    assert [(order.line, order.order.state) for order in orders] == [(2, "booked"), (4, "ticketed"), (5, "ticketed")]


def test_an_order_of_a_csv_has_at_most_a_thousand_passengers() -> None:
    rows = [f"1,2027-06-01,booked,CNY,,{number:08x}-0000-4000-8000-000000000000,1," for number in range(1002)]
    assert faults("\n".join([HEADER, *rows]).encode()) == [
        (line, "passengers: more than 1000") for line in (1002, 1003)
    ]


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (HEADER + ",name", ['unknown column "name"']),
        (HEADER + ",state", ["the column state is there twice"]),
        (
            "order_number,state",
            [
                f"the column {name} is missing"
                for name in HEADER.split(",")
                if name in "train_date currency passenger_id paid_minor"
            ],
        ),
    ],
)
def test_a_header_that_is_wrong_is_told_and_no_row_is_read(header: str, found: list[str]) -> None:
    assert faults(f"{header}\nnonsense".encode()) == [(1, fault) for fault in found]


def test_a_gzip_file_that_was_cut_short_is_a_bad_line_and_so_is_a_damaged_one() -> None:
    packed = gzip.compress((JSON_LINES + "\n").encode() * 2000)
    flipped = packed[:-200] + bytes([packed[-200] ^ 255]) + packed[-199:]
    for damaged in (packed[:-100], packed[:-1], flipped):
        told = faults(damaged)
        assert told
        assert all("not JSON" in fault or "the gzip file is damaged here: " in fault for _, fault in told)


def test_bytes_that_are_no_text_are_told_by_line_in_both_forms() -> None:
    for content, line in ((JSON_LINES.encode(), 5), (CSV.encode(), 5)):
        assert faults(content + b"\n\xff\xfe\n" + b"\n")[-1] == (line, "not UTF-8")


def test_a_line_without_an_end_is_not_held_in_memory() -> None:
    class Endless(io.RawIOBase):
        """16 MB without a line feed, then a good line."""

        left = 16 << 20

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            size = min(len(buffer), self.left)
            buffer[:size] = b"x" * size
            self.left -= size
            return size

    tracemalloc.start()
    found, bad_lines = read_import(io.BufferedReader(Endless()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    with found:
        assert [(bad.line, bad.faults) for bad in bad_lines.first] == [(1, (f"longer than {MAX_LINE} bytes",))]
    assert peak < 8 * MAX_LINE


def test_memory_does_not_grow_with_the_orders_of_a_file(tmp_path: Path) -> None:
    def lines(count: int) -> Iterator[str]:
        for number in range(count):
            yield json_line(ORDERS[0]).replace("CTT1", f"CTT{number}")

    def peak(count: int) -> int:
        tracemalloc.start()
        found, _ = read_import(lines(count))
        with found:
            assert sum(1 for _ in found) == len(found) == count
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(10)
    assert peak(24_000) < 1.3 * peak(12_000), "both are more than is kept in memory"


def test_of_a_flood_of_bad_lines_the_first_are_kept_and_all_are_counted() -> None:
    found, bad_lines = read_import("{" for _ in range(MOST_LISTED + 5))
    found.__exit__()
    assert (len(bad_lines.first), bad_lines.count) == (MOST_LISTED, MOST_LISTED + 5)


def test_a_file_that_grows_or_shrinks_after_it_was_read_gives_the_orders_it_had(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    path.write_text(JSON_LINES)
    with path.open("rb") as file:
        found, bad_lines = read_import(file)
    with found:
        for later in ("", JSON_LINES + "nonsense"):
            path.write_text(later)
            assert list(found) == ORDERS
    assert bad_lines.count == 0


def test_the_two_examples_of_the_manual_are_one_order() -> None:
    manual = (ROOT / "docs" / "migration.md").read_text(encoding="utf-8")
    as_json, as_csv = (manual.partition(f"```{form}\n")[2].partition("```")[0] for form in ("json", "csv"))
    ((first,), _), ((second,), _) = read(as_json.replace("\n", "").encode()), read(as_csv.encode())
    assert first._replace(line=2) == second
    assert len(second.cancelled_elsewhere) == 1
