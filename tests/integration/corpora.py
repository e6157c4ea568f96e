"""Bodies that other people, and we, have collected to break readers; and the ways to send each of them.

The public corpora are not part of the repository: the cases of JSONTestSuite, and the Big List of Naughty Strings.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.fakes import signed
from tests.wire import FORMATS, Format, members_of
from tests.world import ALICE

from .floods import floods

_ROOT = Path(__file__).resolve().parents[2]
_VARIABLE = "TEST_CORPORA_DIRECTORY"
_ATTACKS = _ROOT / "tests" / "vectors" / "attacks"
_HOW_TO_GET = """there are no public corpora in {folder}. Set {variable} to a folder with two in it:
json/, the files of test_parsing in https://github.com/nst/JSONTestSuite, and
strings/, with blns.json of https://github.com/minimaxir/big-list-of-naughty-strings"""
_MARK = "HERE-IT-COMES"

CONTENT_TYPES: Final = (
    *(wire_format.content_type for wire_format in FORMATS),
    "text/json",
    "text/xml",
    "application/json; charset=utf-16",
    "text/xml; charset=utf-16",
)
MEMBERS: Final = tuple(members_of(signed()))


@dataclass(frozen=True)
class Item:
    """A body of a corpus; `text` is None where the bytes are no UTF-8."""

    name: str
    body: bytes

    @property
    def text(self) -> str | None:
        try:
            return self.body.decode()
        except UnicodeDecodeError:
            return None


@dataclass(frozen=True)
class Placement:
    """A place for an item inside a signed request: a member of a format, escaped as the format does it or not."""

    member: str
    format: Format
    escaped: bool

    def request(self, order_number: str, random: int, item: Item) -> bytes:
        """The body of a request whose signature holds, but for what the item does to it."""
        members = members_of(signed(order_number, ALICE, random=random))
        if self.escaped:
            return self.format.write({**members, self.member: item.text})
        mark = json.dumps(_MARK) if self.format.name == "json" else _MARK
        return self.format.write({**members, self.member: _MARK}).replace(mark.encode(), item.body)


def placements(item: Item) -> list[Placement]:
    """Every member of every format, escaped and as it is."""
    ways = (False,) if item.text is None else (True, False)
    return [Placement(member, wire, escaped) for member in MEMBERS for wire in FORMATS for escaped in ways]


def json_test_suite() -> Iterator[Item]:
    """Names begin with y_ for what is JSON, n_ for what is not, i_ for what may be either."""
    for path in sorted((_public_corpora() / "json").glob("*.json")):
        yield Item(path.name, path.read_bytes())


def naughty_strings() -> Iterator[Item]:
    texts = json.loads((_public_corpora() / "strings" / "blns.json").read_text(encoding="utf-8"))
    for number, text in enumerate(texts):
        yield Item(f"string {number}", text.encode())


def attacks() -> Iterator[Item]:
    """Our own: the files, and what is made because it is too long for a file."""
    yield from attack_files()
    for name, body in floods().items():
        yield Item(name, body)


def attack_files() -> Iterator[Item]:
    """The name of an item ends with the format that it is written in."""
    for path in sorted(_ATTACKS.iterdir()):
        if path.suffix != ".md":
            yield Item(path.name, path.read_bytes())


CORPORA: Final[dict[str, tuple[Callable[[], Iterator[Item]], int]]] = {
    "JSONTestSuite": (json_test_suite, 318),
    "naughty strings": (naughty_strings, 515),
    "attacks": (attacks, 150),
}
"""Name -> what gives the items, and how many there are at least."""


def items_of(corpus: str) -> list[Item]:
    """Skips the test, which is a failure with CI, where the corpus is not on this machine."""
    give, at_least = CORPORA[corpus]
    items = list(give())
    assert len(items) >= at_least, f"{corpus}: only {len(items)} items"
    return items


def _public_corpora() -> Path:
    folder = Path(os.environ.get(_VARIABLE) or _ROOT.parent / "shared" / "corpora")
    if not folder.is_dir():
        pytest.skip(_HOW_TO_GET.format(folder=folder, variable=_VARIABLE))
    return folder
