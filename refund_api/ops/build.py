"""What runs here: version, commit, Python."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path
from typing import Final

from .. import __version__

VERSION: Final = __version__
PYTHON: Final = platform.python_version()

_GIT: Final = Path(__file__).resolve().parent.parent.parent / ".git"


@cache
def revision(git: Path = _GIT) -> str | None:
    """The commit of the checkout that this runs from; None for an installed package."""
    try:
        head = (git / "HEAD").read_text(encoding="ascii").strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        if (git / name).is_file():
            return (git / name).read_text(encoding="ascii").strip()
        lines = (git / "packed-refs").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return next((line.split()[0] for line in lines if line.endswith(f" {name}")), None)
