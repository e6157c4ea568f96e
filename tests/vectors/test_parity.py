"""The recorded answers of the legacy stack, group by group: none differs but those that docs/deviations.md lists."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from app import create_app
from tests.conformance import Failure, Recorder, Vector, failures, read_vectors, replay
from tests.vectors.deviations import LISTED

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
    kinds = {re.match("[a-z]+", group)[0] for group in GROUPS}  # type: ignore[index]
    assert kinds == {"xml", "json", "form", "neg", "resp", "fw"}
    assert len({vector["id"] for vector in VECTORS}) == len(VECTORS) == 7400


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_every_vector_of_a_group_comes_out_or_is_listed_as_a_deviation(group: str) -> None:
    ours = [failure for failure in failed() if failure.group == group and failure.id not in LISTED]
    assert not ours, "\n    ".join([ours[0].id, *ours[0].differences])


def test_every_vector_listed_as_a_deviation_is_one() -> None:
    assert {failure.id for failure in failed()} >= LISTED


def outcome_of(vector: Vector, path: str) -> Vector:
    recorder = Recorder()
    return replay(create_app(handler=recorder), recorder, vector | {"request": vector["request"] | {"path": path}})


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["id"] in LISTED], ids=lambda vector: vector["id"])
def test_a_deviation_gets_the_answer_that_the_page_tells(vector: Vector) -> None:
    path, _, query = vector["request"]["path"].partition("?")
    outcome = outcome_of(vector, vector["request"]["path"])
    if query:
        assert outcome == outcome_of(vector, path)
        assert outcome["status"] < 500
    else:
        assert (outcome["status"], outcome["action_ran"]) == (404, False)
