"""docs/signing.md as tests read it: its fenced blocks, and the requests that each client on it must sign rightly."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.vectors.test_signature import VECTORS, secret_of

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = (ROOT / "docs" / "signing.md").read_text(encoding="utf-8")
ABROAD: Final = {"TZ": "Asia/Shanghai"}
"""For the environment of a client: there a local time is no UTC."""


@dataclass(frozen=True)
class Case:
    """A request to sign, `members` by wire name, and the sign that the service takes."""

    scheme: str
    secret: str
    kid: str
    members: dict[str, Any]
    sign: str


def blocks(language: str) -> list[str]:
    """The content of every fenced block of a language, in the order of the page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def block(language: str) -> str:
    """The only block of a language."""
    (content,) = blocks(language)
    return content


def cases() -> dict[str, Case]:
    """Name of the vector -> case, for every vector whose sign holds; of those that sign the same text, the first."""
    by_signed_text: dict[tuple[str, str], tuple[str, Case]] = {}
    for name, vector in VECTORS.items():
        if "kid" in vector["expect"]:
            secret = secret_of(vector).decode()
            case = Case(vector["scheme"], secret, vector["kid"], vector["members"], vector["right_sign"])
            by_signed_text.setdefault((repr(vector["members"]), case.sign), (name, case))
    return dict(by_signed_text.values())


CASES: Final = cases()
SIGNS: Final = {name: case.sign for name, case in CASES.items()}
