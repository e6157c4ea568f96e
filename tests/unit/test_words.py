"""Every reason has words. The words themselves are held to the byte by tests/vectors/test_messages.py."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from contextlib import suppress

import pytest

import refund_api
import schemas
import xml_contracts
from refund_api import words
from refund_api.domain import Refusal
from refund_api.help.explain import Words
from refund_api.signing.verifier import Cause
from refund_api.words import zh
from xml_contracts.reading import Problem, Reason, Skipped

ARGUMENTS = ("<1>", "<2>", "<3>", "<4>")


def enums_of_reasons() -> list[type[Reason]]:
    """Those that product code defines; every module is imported, so that none is overlooked."""
    for package in (xml_contracts, schemas, refund_api):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations." not in module.name:
                importlib.import_module(module.name)
    return list(subclasses(Reason))


def subclasses(cls: type[Reason]) -> Iterator[type[Reason]]:
    for subclass in cls.__subclasses__():
        if subclass.__module__.startswith(("xml_contracts.", "schemas.", "refund_api.")):
            yield subclass
        yield from subclasses(subclass)


def sentence(language: Words, reason: Reason) -> str:
    """What is said of the reason, with as many arguments as it needs; empty where nothing is."""
    for number in range(5):
        with suppress(IndexError, ValueError):
            return language.problem_in_words(Problem("member", reason, ARGUMENTS[:number]))
    return ""


@pytest.mark.parametrize("language", [words, zh], ids=["en", "zh"])
def test_every_reason_that_a_codec_or_a_rule_can_give_has_a_sentence(language: Words) -> None:
    enums = enums_of_reasons()
    assert Skipped in enums and len(enums) > 5
    assert [reason for enum in enums for reason in enum if not sentence(language, reason)] == []


def test_the_chinese_of_a_reason_has_the_facts_of_the_english_and_no_words_of_it() -> None:
    for reason in (reason for enum in enums_of_reasons() for reason in enum):
        english, chinese = sentence(words, reason), sentence(zh, reason)
        assert [a for a in ARGUMENTS if a in english] == [a for a in ARGUMENTS if a in chinese], reason
        assert "：" in chinese and not re.search(r"[a-z]+ [a-z]+", chinese), chinese


def test_every_cause_for_which_a_signature_is_rejected_has_a_sentence_of_its_own_in_both_languages() -> None:
    sentences = {language.why_rejected(cause) for cause in Cause for language in (words, zh)}
    assert len(sentences) == 2 * len(Cause)


def test_every_refusal_has_a_message_of_its_own() -> None:
    assert len({words.refused(refusal, notice_days=30) for refusal in Refusal}) == len(Refusal)


def test_problems_are_told_one_after_the_other() -> None:
    problems = [Problem("sign", Skipped.UNKNOWN), Problem(None, Skipped.UNKNOWN)]
    assert words.invalid_request(problems) == "Invalid request: sign: unknown; unknown"


def test_names_are_written_in_ascii() -> None:
    assert words.ignored_in_words([Problem("é\u202e\n", Skipped.UNKNOWN)]) == "%C3%A9%E2%80%AE%0A: unknown"


@pytest.mark.parametrize(
    ("known", "more", "end"),
    [(10, 0, "a: unknown"), (12, 0, "; and 2 more"), (10, 7, "; and 7 more"), (12, 7, "; and 9 more")],
)
def test_of_many_members_ten_are_told_and_the_rest_is_counted(known: int, more: int, end: str) -> None:
    ignored = [Problem("a", Skipped.UNKNOWN)] * known
    if more:
        ignored.append(Problem(None, Skipped.MORE_UNKNOWN, (more,)))
    told = words.ignored_in_words(ignored)
    assert told.count("a: unknown") == 10
    assert told.endswith(end)


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        (Skipped.REPEATED_FIRST_COUNTS, "repeated: the first one counts"),
        (Skipped.REPEATED_LAST_COUNTS, "repeated: the last one counts"),
        (Skipped.REPEATED_LAST_READABLE_COUNTS, "repeated: the last readable one counts"),
    ],
)
def test_a_repeated_member_is_told_with_the_value_that_counts(reason: Skipped, why: str) -> None:
    assert words.why_skipped(Problem("sign", reason)) == why
