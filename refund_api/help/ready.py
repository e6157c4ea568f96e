"""Requests to copy, for a shell and for other languages. A test runs or replays each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..actions import Action
from ..described import Description
from .render import text
from .samples import LINES, values_of
from .worked import KID

_CURLS: Final = {"json": "curl, JSON", "xml": "curl, XML", "form": "curl, form"}
_WITH_A_CLIENT: Final = (("C#", "csharp.txt"), ("Python", "python.txt"), ("JavaScript (Node.js)", "javascript.txt"))


@dataclass(frozen=True, slots=True)
class Ready:
    """A request to copy: `title` names the program or language."""

    title: str
    text: str


def ready_requests(action: Action, description: Description, url: str) -> list[Ready]:
    """For the service at `url`. Some need a client file, which not every action has."""
    sample = description.sample
    bodies = {name: LINES[name](sample) for name in action.formats}
    curls = [
        Ready(_CURLS[name], text("ready/curl.txt", url=url + action.path, format=name, body=body))
        for name, body in bodies.items()
    ]
    programs = (("PowerShell", "powershell.txt"), *(_WITH_A_CLIENT if description.clients else ()))
    facts = {"url": url, "path": action.path, "kid": KID, "values": values_of(sample)}
    return [*curls, *(Ready(title, text(f"ready/{template}", **facts)) for title, template in programs)]
