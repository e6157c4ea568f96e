"""The page about the package shows code that runs."""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).resolve().parents[3] / "docs" / "xml-contracts.md"


def test_the_ten_lines_of_the_page_run() -> None:
    _, _, rest = PAGE.read_text(encoding="utf-8").partition("```python\n")
    code, _, _ = rest.partition("```")
    namespace: dict[str, object] = {"__name__": __name__}
    exec(code, namespace)
    assert "serializer" in namespace
