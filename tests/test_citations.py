"""What a file of the repository refers to can be looked up in the repository.

Four kinds of reference are read out of each text: facts and sections of docs/wire-facts.md by number, ADRs by number,
pages by file name, and the relative links of Markdown. A fifth kind is refused: references to papers that no user has.
Line breaks and comment signs are taken out first, so that a reference may run over the end of a line.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WIRE_FACTS = (ROOT / "docs" / "wire-facts.md").read_text(encoding="utf-8")

PLACE = r"(?:section )?\d+(?:\.\d+)*(?:-\d+(?:\.\d+)*)?"
CITATION = re.compile(rf"\bwire-facts(?:\.md)?((?:,?(?: and)? {PLACE})+)")
RANGE = re.compile(r"(\d+)\.(\d+)-(\d+)\.(\d+)")
ADR = re.compile(r"\bADR (\d{4})|\bdocs/adr/(\d{4})")
PAGE = re.compile(r"(?<![\w./-])(?:[\w.-]+/)*[\w.-]*\w\.md\b")
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
FOREIGN = re.compile(r"\bdesign(?:\.md)? ?§|\breliability(?:\.md)? ?§|\.\./shared")


@dataclass(frozen=True)
class Repository:
    """What may be referred to: files by their path from the root, and places of wire-facts (`4.26`, `section 4`)."""

    paths: frozenset[str]
    places: frozenset[str]


def faults(path: str, text: str, repository: Repository) -> list[str]:
    """Each reference in the text that leads nowhere, as a sentence; `path` is the file's path from the root."""
    flat = re.sub(r"\s+(?:#:?\s+)?", " ", text)
    return [
        *(f"wire-facts has no {place}" for place in cited_places(flat) if place not in repository.places),
        *(f"there is no ADR {number}" for number in cited_adrs(flat) if not has_adr(number, repository)),
        *(f"there is no page {page}" for page in PAGE.findall(flat) if not has_page(page, repository)),
        *(f"{words!r} refers to a paper that no user has" for words in FOREIGN.findall(flat)),
        *(f"the link to {target} leads nowhere" for target in dead_links(path, text, repository)),
    ]


def cited_places(flat: str) -> Iterator[str]:
    for citation in CITATION.findall(flat):
        for place in re.findall(PLACE, citation):
            yield from places_between(place)


def places_between(place: str) -> list[str]:
    """`6.7-6.9` -> 6.7, 6.8, 6.9; what is no range from a lower to a higher fact of a section comes back as it is."""
    ends = RANGE.fullmatch(place)
    if ends is None or ends[1] != ends[3]:
        return [place]
    return [f"{ends[1]}.{number}" for number in range(int(ends[2]), int(ends[4]) + 1)] or [place]


def cited_adrs(flat: str) -> list[str]:
    return [by_name or by_path for by_name, by_path in ADR.findall(flat)]


def has_adr(number: str, repository: Repository) -> bool:
    return any(path.startswith(f"docs/adr/{number}-") for path in repository.paths)


def has_page(page: str, repository: Repository) -> bool:
    """A page may be named by the end of its path: `README.md`, `adr/0001-….md`."""
    name = re.sub(r"^(?:\.{1,2}/)+", "", page)
    return any(f"/{path}".endswith(f"/{name}") for path in repository.paths)


def dead_links(path: str, text: str, repository: Repository) -> Iterator[str]:
    if not path.endswith(".md"):
        return
    folders = {posixpath.dirname(known) for known in repository.paths}
    for target in LINK.findall(CODE.sub("", text)):
        file_name, _, _ = target.partition("#")
        if not file_name or re.match(r"[a-z]+:", target):
            continue
        linked = posixpath.normpath(posixpath.join(posixpath.dirname(path), file_name))
        if linked not in repository.paths | folders:
            yield target


def repository_files() -> dict[str, Path]:
    """Path from the root -> file. Git is not asked, because an unpacked archive has none; .gitignore is."""
    ignored = [".git", *(line.rstrip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").split())]

    def kept(names: list[str]) -> list[str]:
        return [name for name in names if not any(fnmatch(name, pattern) for pattern in ignored)]

    files: dict[str, Path] = {}
    for folder, folders, names in os.walk(ROOT):
        folders[:] = kept(folders)
        files |= {(Path(folder) / name).relative_to(ROOT).as_posix(): Path(folder) / name for name in kept(names)}
    return files


def facts() -> list[tuple[int, int]]:
    """Section and number of every fact, in the order of the page."""
    return [(int(section), int(number)) for section, number in re.findall(r"^### (\d+)\.(\d+) ", WIRE_FACTS, re.M)]


def places() -> frozenset[str]:
    sections = re.findall(r"^## (\d+)\. ", WIRE_FACTS, re.M)
    return frozenset([f"section {section}" for section in sections] + [f"{s}.{n}" for s, n in facts()])


def test_every_reference_in_the_repository_leads_somewhere() -> None:
    files = repository_files()
    repository = Repository(frozenset(files), places())
    del files["tests/test_citations.py"]  # its planted faults
    texts = {name: path.read_bytes().decode("utf-8", "replace") for name, path in files.items()}
    listed = [f"{name}: {fault}" for name, text in texts.items() for fault in faults(name, text, repository)]
    assert not listed, "\n".join(listed)


def test_the_files_of_the_repository_are_read_and_no_others() -> None:
    names = repository_files().keys()
    assert {"README.md", "docs/wire-facts.md", "refund_api/storage/ledger.py", ".env.example", ".ci/run"} <= names
    assert not [name for name in names if name.startswith((".git/", ".venv/")) or name.endswith(".pyc")]


def test_the_facts_of_each_section_are_numbered_without_a_gap() -> None:
    sections = sorted({section for section, _ in facts()})
    assert sections == list(range(12))
    for section in sections:
        numbers = [number for of_section, number in facts() if of_section == section]
        assert numbers == list(range(1, len(numbers) + 1))


def test_the_facts_that_the_page_itself_refers_to_exist() -> None:
    named = list(cited_places(re.sub(r"\bfacts?\s+(?=\d)", "wire-facts ", WIRE_FACTS)))
    assert len(named) > 10
    assert [place for place in named if place not in places()] == []


SMALL = Repository(
    frozenset({"README.md", "docs/wire-facts.md", "docs/adr/0004-json.md", "refund_api/body.py"}),
    frozenset({"section 4", "section 8", "4.26", "4.27", "4.28", "8.4"}),
)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", "# As .NET does (wire-facts 4.29)."),
        ("a.py", "# wire-facts 4.2"),
        ("a.py", "# wire-facts 4.26, 4.29"),
        ("a.py", "# wire-facts 4.26 and 8.5"),
        ("a.py", "# wire-facts 4.26, section 9"),
        ("a.py", "# wire-facts 4.27-4.29"),
        ("a.py", "# wire-facts 4.28-4.26"),
        ("a.py", "# wire-facts 4.26-8.4"),
        ("a.py", "# wire-facts section 7"),
        ("a.py", "# wire-facts section 4.26"),
        ("a.py", "# wire-facts 4"),
        ("a.py", "# the rule is in wire-facts\n    # 4.29"),
        ("a.py", "# the rule is in wire-facts.md 4.29"),
        ("a.py", '"""An int (facts.md 4.26)."""'),
        ("a.py", "# design.md says so"),
        ("a.py", "# the middle of design §5"),
        ("a.py", "# the audit of reliability\n# §3.6"),
        ("README.md", "see `reliability.md`"),
        ("Makefile", "cp ../shared/vectors ."),
        ("a.py", "# ADR 0005"),
        ("a.py", "# docs/adr/0005"),
        ("a.py", "# docs/changing.md"),
        ("docs/wire-facts.md", "[code](refund_api/body.py)"),
        ("README.md", "[code](refund_api/view.py#L1)"),
        ("docs/adr/0004-json.md", "[up](..)\n[away](../../..)"),
    ],
)
def test_a_planted_fault_is_seen_once(path: str, text: str) -> None:
    assert len(faults(path, text, SMALL)) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", "# As .NET does (wire-facts 4.26): 5 is 5."),
        ("a.py", '"""Names (wire-facts 4.26-4.28, 8.4 and section 8)."""'),
        ("a.py", "# The rule is in wire-facts\n    # section 4. 7 others are not."),
        ("a.py", "# docs/wire-facts.md, adr/0004-json.md, docs/adr/0004, ADR 0004"),
        ("a.py", "# https://example.org/docs/design.md"),
        ("a.py", 'exclude = "*.md"; table[key](value.py)'),
        (
            "README.md",
            "[facts](docs/wire-facts.md#4-reading-xml) [code](refund_api/) [top](#top) [net](https://a.org/x)",
        ),
        ("docs/adr/0004-json.md", "[facts](../wire-facts.md) `handlers[name](request)`\n```\nx[0](y)\n```"),
    ],
)
def test_a_sound_reference_is_no_fault(path: str, text: str) -> None:
    assert faults(path, text, SMALL) == []


def test_every_path_that_the_pages_for_contributors_name_exists() -> None:
    for page in ("docs/changing.md", "CONTRIBUTING.md", "README.md"):
        text = re.sub(r"```.*?```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
        named = re.findall(
            r"`((?:refund_api|schemas|xml_contracts|tests|docs|benchmarks)/[\w./-]*|\w+\.(?:py|cfg|toml))`", text
        )
        assert [path for path in named if not _exists(path)] == [], page


def _exists(path: str) -> bool:
    """From the root; or a file that the text names without its folder, which it named before."""
    return (ROOT / path).exists() or ("/" not in path and any(file.name == path for file in ROOT.rglob("*.py")))
