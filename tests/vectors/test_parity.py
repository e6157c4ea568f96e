"""The recorded answers of the legacy stack, group by group: no exceptions."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from app import create_app
from tests.conformance import Failure, Recorder, failures, read_vectors

VECTORS = tuple(read_vectors([Path(__file__).parent / "parity"]))
GROUPS = Counter(vector["group"] for vector in VECTORS)


@cache
def failed() -> list[Failure]:
    recorder = Recorder()
    return list(failures(create_app(handler=recorder), recorder, VECTORS))


def tally() -> dict[str, tuple[int, int]]:
    """Group -> (came out, all)."""
    wrong = Counter(failure.group for failure in failed())
    return {group: (GROUPS[group] - wrong[group], GROUPS[group]) for group in sorted(GROUPS)}


def test_there_are_vectors_of_every_kind() -> None:
    assert {group.split(".")[0] for group in GROUPS} == {"xml", "json", "form", "neg", "resp", "fw"}
    assert len({vector["id"] for vector in VECTORS}) == len(VECTORS) > 4000


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_every_vector_of_a_group_comes_out(group: str) -> None:
    ours = [failure for failure in failed() if failure.group == group]
    assert not ours, "\n    ".join([ours[0].id, *ours[0].differences])
