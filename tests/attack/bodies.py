"""An attack: bodies of 64 KiB that cost as much CPU as a body can.

    python -m tests.attack.bodies
    python -m tests.attack.bodies --old DIRECTORY     beside it, what another checkout takes

A body begins somehow, repeats one unit, and ends. The known ones are in CASES; a search puts units together at random
and keeps the worst for each format. What is measured is the whole request. Exit status 1: one took more than GOAL.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from app import create_app

GOAL: Final = 20.0
"""Milliseconds of CPU."""
SIZE: Final = 64 * 1024

_NAMESPACE = "http://schemas.datacontract.org/2004/07/ChinaTrainTickets.Web.Areas.webApi.Models"
_ROOT = f'<TicketRefundRequest xmlns="{_NAMESPACE}"'
_PREFIXED = (
    f'{_ROOT} xmlns:i="http://www.w3.org/2001/XMLSchema-instance"'
    ' xmlns:z="http://schemas.microsoft.com/2003/10/Serialization/">'
)
_CLOSE = "</TicketRefundRequest>"
_TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded", "xml": "application/xml"}
_KEYS = {"keys": [{"kid": "legacy", "scheme": "legacy", "secret": "a shared secret of thirty-two b."}]}


@dataclass(frozen=True)
class Case:
    """`#` in a unit is another number every time; the bytes 0x80 to 0xFF of a body are written as U+0080 to U+00FF."""

    format: str
    begin: str
    unit: str
    end: str = ""

    def body(self, size: int = SIZE) -> bytes:
        """As many units as there is room for, all of them whole."""
        pieces = [self.begin.encode("latin-1")]
        room = size - len(self.begin) - len(self.end)
        for number in range(0x100, 0x100 + size):
            unit = self.unit.replace("#", f"{number:x}").encode("latin-1")
            room -= len(unit)
            if room < 0:
                break
            pieces.append(unit)
        return b"".join([*pieces, self.end.encode("latin-1")])


def _utf8(text: str) -> str:
    return text.encode().decode("latin-1")


CASES: Final[dict[str, Case]] = {
    "small lists behind 255 levels": Case("json", '{"x":' + "[" * 254, "[[]],", "0" + "]" * 254 + "}"),
    "small lists behind 256 levels": Case("json", '{"x":' + "[" * 255, "[],", "0" + "]" * 255 + "}"),
    "small objects behind 256 levels": Case("json", '{"x":' + "[" * 255, "{},", "0" + "]" * 255 + "}"),
    "small lists behind 512 levels": Case("json", '{"x":' + "[" * 511, "[],", "0" + "]" * 511 + "}"),
    "lists of a large number behind 256": Case("json", '{"x":' + "[" * 255, "[1e1],", "0" + "]" * 255 + "}"),
    "lists and numbers behind 256 levels": Case("json", '{"x":' + "[" * 255, "[],0,", "0" + "]" * 255 + "}"),
    "members behind 256 objects": Case("json", '{"":' * 255 + "{", '"":{},', '"":0}' + "}" * 255),
    "members behind 256 times $id": Case("json", '{"$id":' * 255 + "{", '"":{},', '"":0}' + "}" * 255),
    "lists behind 256 times $id": Case("json", '{"$id":' * 255 + "{", '"":[0],', '"":0}' + "}" * 255),
    "large numbers behind 256 times $id": Case("json", '{"$id":' * 255 + "{", '"":[1e100],', '"":1e400}' + "}" * 255),
    "large numbers behind 512 levels": Case("json", '{"x":' + "[" * 511, "[1e100],", "1e400" + "]" * 511 + "}"),
    "texts behind 256 levels": Case("json", '{"x":' + "[" * 255, '"",[],', "0" + "]" * 255 + "}"),
    "a deep list": Case("json", '{"x":', "[", ""),
    "an enum as $value": Case("json", "{", '"terminal":{"$value":1},', '"a":1}'),
    "an enum as a list": Case("json", "{", '"terminal":[],', '"a":1}'),
    "an enum that is none": Case("json", "{", '"terminal":"x#",', '"a":1}'),
    "an integer that is none": Case("json", "{", '"random":"#x",', '"a":1}'),
    "an integer, again and again": Case("json", "{", '"random":#0,', '"a":1}'),
    "a text, again and again": Case("json", "{", '"sign":"",', '"a":1}'),
    "a text of a number": Case("json", "{", '"sign":1e1,', '"a":1}'),
    "unknown names": Case("json", "{", '"#":1,', '"a":1}'),
    "unknown names beyond ASCII": Case("json", "{", _utf8('"éé#":1,'), '"a":1}'),
    "numbers": Case("json", '{"x":[', "0,", "0]}"),
    "one long name beyond ASCII": Case("json", '{"', _utf8("ß"), '":1}'),
    "0xFF": Case("form", "", "\xff"),
    "names of 0xFF": Case("form", "", "\xff&"),
    "names beyond ASCII": Case("form", "", _utf8("ééé#&")),
    "one long name in a form": Case("form", "", _utf8("ß")),
    "names": Case("form", "", "#&"),
    "escaped names": Case("form", "", "%#&"),
    "escapes": Case("form", "", "%aa+"),
    "commas": Case("form", "refund_passanger_ids=", ","),
    "names of an enum": Case("form", "terminal=", "x#,"),
    "attributes": Case("xml", _ROOT, ' a#=""', "/>"),
    "elements with an attribute": Case("xml", _ROOT + ">", '<a b=""/>', _CLOSE),
    "elements with z:Size": Case("xml", _PREFIXED, '<a z:Size="1"/>', _CLOSE),
    "elements with i:nil": Case("xml", _PREFIXED, '<a i:nil="1"/>', _CLOSE),
    "elements": Case("xml", _ROOT + ">", "<a/>", _CLOSE),
    "unknown elements": Case("xml", _ROOT + ">", "<a#/>", _CLOSE),
    "elements beyond ASCII": Case("xml", _ROOT + ">", _utf8("<é/>"), _CLOSE),
    "namespaces that are no URI": Case("xml", _ROOT + ">", '<a xmlns="%"/>', _CLOSE),
    "prefixes that are no URI": Case("xml", _ROOT, ' xmlns:a#="%"', "/>"),
    "undeclared prefixes": Case("xml", _ROOT + ">", "<a:b/>", _CLOSE),
    "CR in CDATA": Case("xml", _ROOT + "><refund_reason><![CDATA[", "\r", "]]></refund_reason>" + _CLOSE),
    "comments": Case("xml", _ROOT + ">", "<!---->", _CLOSE),
    "blanks between elements": Case("xml", _ROOT + ">", "<a/> ", _CLOSE),
}

_FRAGMENTS: Final = {
    "json": ["{", "}", "[", "]", ",", ":", '""', "0", "1e1", "#", "null", '"terminal":', '"random":', '"sign":', '"#":', '"$id":', "{},", "[],", "0,"],
    "form": ["&", "=", "+", "%", "%aa", "#", "[]", "\xff", "\xe0\x80", _utf8("é"), "sign", "random=", "terminal=", ","],
    "xml": ["<a/>", "<a>", "</a>", "<a#/>", " ", '<a b=""/>', "<b xmlns='#'/>", "<a xmlns='%'/>", "<!---->", "<![CDATA[]]>", "x", "&lt;", _utf8("<é/>"), '<a i:nil="1"/>', '<a z:Id="#"/>'],
}  # fmt: skip
_FRAMES: Final = {
    "json": [("{", '"a":1}'), ('{"x":[', "0]}"), ('{"x":' + "[" * 254, "0" + "]" * 254 + "}"), ('{"":' * 254 + "{", '"":0}' + "}" * 254)],
    "form": [("", ""), ("terminal=", ""), ("refund_passanger_ids=", "")],
    "xml": [(_PREFIXED, _CLOSE), (_PREFIXED + "<refund_reason>", "</refund_reason>" + _CLOSE), (_PREFIXED + "<x>", "</x>" + _CLOSE)],
}  # fmt: skip


def search(format_: str, candidates: int, milliseconds: Callable[[Case], float]) -> Iterator[tuple[Case, float]]:
    """Every candidate and its cost: units of one to four fragments, half of them a change of the worst so far."""
    chance = random.Random(format_)
    worst: list[str] = []
    most = 0.0
    for number in range(candidates):
        fragments = [chance.choice(_FRAGMENTS[format_]) for _ in range(chance.randint(1, 4))]
        if worst and number % 2:
            fragments = [chance.choice([old, *fragments]) for old in worst] + fragments[: chance.randint(0, 1)]
        case = Case(format_, *_around(chance.choice(_FRAMES[format_]), "".join(fragments)))
        cost = milliseconds(case)
        if cost > most:
            worst, most = fragments, cost
        yield case, cost


def _around(frame: tuple[str, str], unit: str) -> tuple[str, str, str]:
    return frame[0], unit, frame[1]


def service() -> Callable[..., float]:
    """The application as it is deployed; the database is never asked, for nothing is signed."""
    logging.getLogger().addHandler(logging.NullHandler())  # records are made, and go nowhere
    with tempfile.TemporaryDirectory() as directory:
        os.environ["REFUND_API_DATABASE_URL"] = f"sqlite:///{directory}/ledger.db"
        os.environ["REFUND_API_KEYS"] = json.dumps(_KEYS)
        wsgi: Any = create_app().wsgi_app

        def milliseconds(case: Case, rounds: int = 5) -> float:
            body = case.body()
            taken = [_cpu_seconds(wsgi, body, _TYPES[case.format]) for _ in range(rounds)]
            return min(taken) * 1000

        milliseconds(Case("json", "{}", " "))  # what the first request makes is not its body's cost
        return milliseconds


def _cpu_seconds(wsgi: Any, body: bytes, content_type: str) -> float:
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/api/order/cancel", "SCRIPT_NAME": "", "QUERY_STRING": "",
        "SERVER_NAME": "localhost", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": content_type, "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr, "wsgi.url_scheme": "http", "wsgi.version": (1, 0), "wsgi.multithread": True,
        "wsgi.multiprocess": True, "wsgi.run_once": False,
    }  # fmt: skip
    statuses: list[str] = []
    began = time.process_time()
    b"".join(wsgi(environ, lambda status, headers, exc_info=None: statuses.append(status)))
    seconds = time.process_time() - began
    if statuses != ["200 OK"]:
        raise RuntimeError(f"not an answer of the action: {statuses}")
    return seconds


def measured_elsewhere(directory: Path, cases: list[Case]) -> list[float]:
    """The milliseconds of the same cases in another checkout, which need not have this program."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), "--stdin"],
        input=json.dumps([[case.format, case.begin, case.unit, case.end] for case in cases]),
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(directory)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    milliseconds: list[float] = json.loads(done.stdout)
    return milliseconds


def progress(text: str) -> None:
    """One line that is written over, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def worst_cases(candidates: int, milliseconds: Callable[[Case], float]) -> dict[str, Case]:
    """CASES, and of each format the worst that a search finds."""
    cases = dict(CASES)
    for format_ in _TYPES:
        searched: list[tuple[float, Case]] = []
        for case, cost in search(format_, candidates, milliseconds):
            searched.append((cost, case))
            progress(
                f"searching {format_}: {len(searched)} of {candidates}, {max(searched, key=itemgetter(0))[0]:.1f} ms"
            )
        for _, case in sorted(searched, key=itemgetter(0))[-1:]:
            cases[f"found: {case.unit!a}"[:40]] = case
    return cases


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.attack.bodies", description=__doc__)
    parser.add_argument("--search", type=int, default=300, help="candidates a format")
    parser.add_argument("--old", type=Path, help="another checkout, to compare with")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--stdin", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    milliseconds = service()
    if arguments.stdin:
        print(json.dumps([milliseconds(Case(*case)) for case in json.load(sys.stdin)]))
        return 0
    cases = worst_cases(arguments.search, lambda case: milliseconds(case, 1))
    now = []
    for name, case in cases.items():
        progress(name)
        now.append(milliseconds(case))
    progress("")
    old = measured_elsewhere(arguments.old, list(cases.values())) if arguments.old else [None] * len(cases)
    rows = [
        {"case": name, "format": case.format, "bytes": len(case.body()), "old_ms": before, "ms": after, "goal_ms": GOAL}
        for (name, case), before, after in zip(cases.items(), old, now, strict=True)
    ]
    print(json.dumps(rows) if arguments.json else table(rows))
    return 1 if max(now) > GOAL else 0


def table(rows: list[dict[str, Any]]) -> str:
    """A line a case."""
    lines = [f"{'case':42}{'format':7}{'bytes':>7}{'old ms':>8}{'ms':>8}  goal"]
    for row in rows:
        old = "" if row["old_ms"] is None else f"{row['old_ms']:.1f}"
        missed = "  MISSED" if row["ms"] > GOAL else ""
        lines.append(f"{row['case']:42}{row['format']:7}{row['bytes']:>7}{old:>8}{row['ms']:>8.1f}  {GOAL:g}{missed}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
