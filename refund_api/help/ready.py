"""Requests to copy, for a shell and for other languages. A test runs or replays each that does not say otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..actions import Action
from ..described import Description, Text
from .render import text
from .samples import LINES, values_of
from .worked import KID

_CURLS: Final = {"json": "curl, JSON", "xml": "curl, XML", "form": "curl, form"}
# Neither Debian nor PyPI nor npm has a PowerShell, so tests hold the grammar of the script and its rules alone.
_NEVER_RUN: Final = Text(
    "This script follows the rules of PowerShell 5.1 and 7 and was checked against its grammar, but we never ran it.",
    "此脚本按 PowerShell 5.1 和 7 的规则编写，并经语法检查，但我们从未实际运行过。",
)
_WITH_A_CLIENT: Final = (("C#", "csharp.txt"), ("Python", "python.txt"), ("JavaScript (Node.js)", "javascript.txt"))


@dataclass(frozen=True, slots=True)
class Ready:
    """A request to copy: `title` names the program or language, `note` is what to know before it is used."""

    title: str
    text: str
    note: Text | None = None


def ready_requests(action: Action, description: Description, url: str) -> list[Ready]:
    """For the service at `url`. Some need a client file, which not every action has."""
    sample = description.sample
    bodies = {name: LINES[name](sample) for name in action.formats}
    curls = [
        Ready(_CURLS[name], text("ready/curl.txt", url=url + action.path, format=name, body=body))
        for name, body in bodies.items()
    ]
    facts = {"url": url, "path": action.path, "kid": KID, "values": values_of(sample)}
    script = Ready("PowerShell", text("ready/powershell.txt", **facts), _NEVER_RUN)
    programs = _WITH_A_CLIENT if description.clients else ()
    return [*curls, script, *(Ready(title, text(f"ready/{template}", **facts)) for title, template in programs)]
