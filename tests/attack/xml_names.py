"""An attack: documents full of names that nobody has sent before, on every thread, with good ones between.

    python -m tests.attack.xml_names --documents 200000

libxml2 keeps names (docs/adr/0010). So the program looks at the memory of the process and at the size of the dictionary
of every thread, and every good document must be read as ever. Exit status 1: a goal was missed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lxml import etree

from xml_contracts.errors import DocumentError
from xml_contracts.refund import Terminal, TicketRefundRequest
from xml_contracts.serializer import DataContractSerializer

THREADS: Final = 4
LONGEST: Final = 64 * 1024
HOSTILE_TO_A_GOOD_ONE: Final = 10
MOST_NAMES: Final = 40_000
"""In the dictionary of a thread. 64 KiB bring up to 10,000, and two such documents may share one."""
MOST_GROWTH: Final = 16.0
"""MB of the process, over what it has after good documents alone."""

_NAMESPACE = "http://schemas.datacontract.org/2004/07/ChinaTrainTickets.Web.Areas.webApi.Models"
_MODELS = "http://schemas.datacontract.org/2004/07/ChinaTrainTickets.Web.Models"
_OPEN = f'<TicketRefundRequest xmlns="{_NAMESPACE}"'
_CLOSE = "</TicketRefundRequest>"
_BLANKS = str.maketrans("01", "\t\n")
_SERIALIZER = DataContractSerializer(TicketRefundRequest)

GOOD: Final = (
    f'<TicketRefundRequest xmlns="{_NAMESPACE}" xmlns:b="{_MODELS}"'
    ' xmlns:z="http://schemas.microsoft.com/2003/10/Serialization/">'
    "<b:random>10482</b:random><b:sign>5f1d</b:sign><b:terminal>WEBPAGEEnum</b:terminal>"
    '<b:time_stamp z:Id="i1">20261123081022</b:time_stamp><order_number>CTT1</order_number>'
    '<refund_passanger_ids z:Ref="i1"/><refund_reason>行程有变</refund_reason></TicketRefundRequest>'
).encode()
READ: Final = TicketRefundRequest(
    terminal=Terminal.WEBPAGEEnum,
    time_stamp="20261123081022",
    random=10482,
    sign="5f1d",
    order_number="CTT1",
    refund_passanger_ids="20261123081022",
    refund_reason="行程有变",
)


def _blanks(number: int) -> str:
    """32 to 59 of them, another run for every number; libxml2 keeps runs of 16 to 59."""
    return f"{number:032b}".translate(_BLANKS) + " " * (number % 28)


# What begins the document, one name in it ({} is never the same), and what ends it.
KINDS: Final[dict[str, tuple[str, Callable[[int], str], str]]] = {
    "elements": (_OPEN + ">", "<a{:x}/>".format, _CLOSE),
    "elements in members": (_OPEN + "><refund_reason>", "<a{:x}/>".format, "</refund_reason>" + _CLOSE),
    "elements beyond ASCII": (_OPEN + ">", "<é{:x}/>".format, _CLOSE),
    "attributes": (_OPEN, ' a{:x}=""'.format, "/>"),
    "prefixes": (_OPEN, ' xmlns:a{:x}="urn:a"'.format, "/>"),
    "namespaces": (_OPEN + ">", '<a xmlns="urn:{:x}"/>'.format, _CLOSE),
    "namespaces that are no URI": (_OPEN + ">", '<a xmlns="%{:x}"/>'.format, _CLOSE),
    "undeclared prefixes": (_OPEN + ">", "<a{:x}:b/>".format, _CLOSE),
    "undeclared entities": (_OPEN + ">", "&a{:x};".format, _CLOSE),
    "mismatched end tags": (_OPEN + ">", "<a></a{:x}>".format, _CLOSE),
    "names before a fault": (_OPEN + ">", "<a{:x}/>".format, "<"),
    "another root": ("<a>", "<a{:x}/>".format, "</a>"),
    "blank runs": (_OPEN + ">", lambda number: _blanks(number) + "<a/>", _CLOSE),
    "long names": (_OPEN + ">", lambda number: f"<a{number:x}{'b' * 20_000}/>", _CLOSE),
}


def document(kind: str, numbers: Iterator[int]) -> bytes:
    """Up to 64 KiB of names of one kind; every number is used once."""
    begin, name, end = KINDS[kind]
    pieces, size = [begin], len(begin) + len(end)
    while True:
        piece = name(next(numbers))
        size += len(piece.encode())
        if size > LONGEST:
            return "".join([*pieces, end]).encode()
        pieces.append(piece)


@dataclass
class Seen:
    """What the threads saw; under the lock."""

    counted: Counter[str] = field(default_factory=Counter)
    names_most: int = 0
    memory_most: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, *what: str, size: int = 0) -> None:
        with self.lock:
            self.counted.update(what)
            self.counted["bytes"] += size
            self.names_most = max(self.names_most, names_kept())
            self.memory_most = max(self.memory_most, memory())


def names_kept() -> int:
    """In libxml2's dictionary of this thread."""
    size: int = etree.memory_debugger.dict_size()  # type: ignore[attr-defined]
    return size


def memory() -> float:
    """MB of this process in RAM."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def read_good(seen: Seen) -> None:
    try:
        is_right = _SERIALIZER.read(GOOD) == READ
    except DocumentError:
        is_right = False
    seen.add("good ones", *([] if is_right else ["good ones lost"]))


def attack(documents: int, numbers: Iterator[int], seen: Seen) -> None:
    """One thread's part."""
    kinds = itertools.cycle(KINDS)
    for number in range(documents):
        body = document(next(kinds), numbers)
        with suppress(DocumentError):
            _SERIALIZER.read(body)
        seen.add("hostile ones", size=len(body))
        if number % HOSTILE_TO_A_GOOD_ONE == 0:
            read_good(seen)


def run(documents: int) -> dict[str, float]:
    """The figures of an attack on THREADS threads at once."""
    numbers = itertools.count(0x1000000)
    seen = Seen()
    begun = threading.Barrier(THREADS)

    def warm_up() -> None:
        begun.wait()  # so that every thread of the pool has one
        for _ in range(100):
            read_good(seen)

    with ThreadPoolExecutor(THREADS) as pool:
        for warm in [pool.submit(warm_up) for _ in range(THREADS)]:
            warm.result()
        at_first, began = memory(), time.monotonic()
        seen.memory_most = at_first
        attacks = [pool.submit(attack, documents // THREADS, numbers, seen) for _ in range(THREADS)]
        while not all(one.done() for one in attacks):
            time.sleep(0.2)
            progress(f"{seen.counted['hostile ones']:,} of {documents:,} documents, {memory() - at_first:+.1f} MB")
        progress("")
        for one in attacks:
            one.result()
    return {
        "hostile documents": seen.counted["hostile ones"],
        "MB of them": round(seen.counted["bytes"] / 1e6),
        "good documents": seen.counted["good ones"],
        "good documents lost": seen.counted["good ones lost"],
        "names in a dictionary, at most": seen.names_most,
        "MB grown, at most": round(seen.memory_most - at_first, 1),
        "seconds": round(time.monotonic() - began),
    }


def progress(text: str) -> None:
    """One line that is written over, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def misses(figures: dict[str, float]) -> list[str]:
    """The goals that were not reached."""
    goals = {
        "good documents lost": 0.0,
        "names in a dictionary, at most": MOST_NAMES,
        "MB grown, at most": MOST_GROWTH,
    }
    return [f"{name}: {figures[name]:,g}, goal {goal:,g}" for name, goal in goals.items() if figures[name] > goal]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.attack.xml_names", description=__doc__)
    parser.add_argument("--documents", type=int, default=200_000, help="hostile ones, on all threads together")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = run(arguments.documents)
    missed = misses(figures)
    if arguments.json:
        print(json.dumps({**figures, "missed": missed}))
    else:
        for name, figure in figures.items():
            print(f"{name:32}{figure:>12,g}")
        for miss in missed:
            print(f"MISSED  {miss}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
