"""The attack with names, in short: counts and orders of magnitude, no times."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from lxml import etree

from tests.attack.xml_names import KINDS, LONGEST, MOST_NAMES, document, misses, names_kept

ROOT = Path(__file__).resolve().parents[2]


def test_names_never_seen_neither_fill_a_worker_nor_cost_a_good_document() -> None:
    command = [sys.executable, "-m", "tests.attack.xml_names", "--documents", "400", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    figures = json.loads(done.stdout)
    assert figures["hostile documents"] == 400
    assert figures["good documents"] > 400
    assert figures["good documents lost"] == 0
    assert figures["names in a dictionary, at most"] <= MOST_NAMES, "of 1.5 million that were sent"
    assert figures["MB grown, at most"] < 64, "where 400 documents grew it by more than 100 before"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_document_has_names_that_libxml2_keeps(kind: str) -> None:
    body = document(kind, itertools.count(0x1000000))
    assert len(body) <= LONGEST

    def names_added() -> int:
        parser = etree.XMLParser(resolve_entities=False)
        etree.fromstring(b"<a/>", parser)
        before = names_kept()
        with suppress(etree.XMLSyntaxError):
            etree.fromstring(body, parser)
        return names_kept() - before

    with ThreadPoolExecutor(1) as new_thread:
        added = new_thread.submit(names_added).result()
    assert added >= (3 if kind == "long names" else 1000)


def test_a_goal_that_is_missed_is_told() -> None:
    figures = {"good documents lost": 1.0, "names in a dictionary, at most": 1e6, "MB grown, at most": 15.0}
    assert misses(figures) == [
        "good documents lost: 1, goal 0",
        "names in a dictionary, at most: 1e+06, goal 40,000",
    ]
