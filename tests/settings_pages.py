"""The two places that list the settings for people, made from their declaration: .env.example, and a table.

`make settings-pages` writes them. tests/unit/test_settings_pages.py compares.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

from refund_api.settings import VARIABLES
from refund_api.settings.declare import Variable

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / ".env.example"
PAGE = ROOT / "docs" / "operations.md"
HEADER = "| name | default | values | |"

_HEAD = """\
# Every setting with its default. An empty value counts as not set; docs/operations.md, Settings, tells more.
# Read this file into the environment: set -a; . ./.env; set +a
# It is made by `make settings-pages`.
"""


def env_example() -> str:
    """The text of .env.example."""
    return _HEAD + "".join(_lines_of(variable) for variable in VARIABLES.values())


def _lines_of(variable: Variable) -> str:
    default = f" Default: {variable.default_words}." if variable.default_words else ""
    comment = f"{variable.meaning} Values: {variable.kind.words}.{default}"
    lines = textwrap.wrap(comment, 110, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
    file_name = [f"#{variable.file_name}="] if variable.mask else []
    return "\n" + "\n".join([*lines, f"#{variable.name}={_default(variable)}", *file_name]) + "\n"


def table() -> str:
    """The rows of the table in docs/operations.md, with its header."""
    return "\n".join([HEADER, "|---|---|---|---|", *_rows()]) + "\n"


def _rows() -> Iterator[str]:
    for variable in VARIABLES.values():
        default = variable.default_words or (f"`{_default(variable)}`" if _default(variable) else "none")
        yield f"| `{variable.name}` | {default} | {variable.kind.words} | {variable.meaning} |"


def _default(variable: Variable) -> str:
    return "" if variable.default is None else variable.kind.write(variable.default)


def page_with(made: str) -> str:
    """The text of docs/operations.md, with this table in the place of the one it has."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(HEADER)
    return before + made + "\n" + rest.partition("\n\n")[2]


if __name__ == "__main__":
    EXAMPLE.write_text(env_example(), encoding="utf-8")
    PAGE.write_text(page_with(table()), encoding="utf-8")
