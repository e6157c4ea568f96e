"""What keeps a key ring from serving and what is warned about: by the name of the key, never with its secret."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from refund_api.signing.keys import Key, KeyRing
from refund_api.signing.ring_check import problems, warnings
from refund_api.signing.schemes import SCHEMES
from tests.world import NOW

VECTORS = Path(__file__).parents[2] / "vectors" / "signature"
GOOD = Key("good", "v2", b"a secret of a new client, long enough")
LEGACY = Key("old", "legacy", b"sixteen letters.")


def problems_of(*keys: Key, schemes: frozenset[str] = frozenset(SCHEMES)) -> list[str]:
    return list(problems(KeyRing(keys), schemes, NOW))


def test_a_sound_ring_has_no_problem_and_no_warning() -> None:
    assert problems_of(GOOD, LEGACY) == []
    assert list(warnings(KeyRing((GOOD, LEGACY)), None)) == []


@pytest.mark.parametrize(
    ("scheme", "secret", "words"),
    [
        (
            "legacy",
            "fifteen letters",
            'is shorter than 16 bytes; if clients have it already, its entry may say "accept_weak": true',
        ),
        ("v2", "thirty-one bytes, one too few..", "is shorter than 32 bytes"),
        ("v2", "test-key-0001", "is a published sample"),
        ("legacy", " ChangeMe ", "is a published sample"),
        ("legacy", "replace-with-64-random-hex-digits", "is a published sample"),
        ("v2", "x" * 64, "is one character, repeated"),
        ("legacy", "é" * 16, "is one character, repeated"),
        ("legacy", " a secret of sufficient length", "begins or ends with a blank"),
        ("v2", "a secret of a new client, long enough ", "begins or ends with a blank"),
    ],
)
def test_a_weak_secret_is_refused_with_the_reason(scheme: str, secret: str, words: str) -> None:
    assert problems_of(GOOD, Key("weak", scheme, secret.encode())) == [f"the secret of key weak {words}."]


def test_a_secret_of_the_least_length_is_taken() -> None:
    assert problems_of(replace(LEGACY, secret=b"0123456789abcdef")) == []
    assert problems_of(replace(GOOD, secret=b"0123456789abcdef" * 2)) == []


def test_every_key_of_the_vectors_is_a_published_sample() -> None:
    secrets = set()
    for path in VECTORS.glob("*.json"):
        vector: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        secrets |= {base64.b64decode(key["key_b64"]) for key in (vector, *vector.get("other_keys", ()))}
    assert secrets
    for secret in secrets:
        assert problems_of(Key("taken", "v2", secret)) == ["the secret of key taken is a published sample."]


def test_a_short_legacy_secret_is_taken_where_its_entry_says_so_and_warned_about() -> None:
    weak = replace(LEGACY, secret=b"short-one", accept_weak=True)
    assert problems_of(weak) == []
    (warning,) = warnings(KeyRing((GOOD, weak)), None)
    assert warning.startswith("the secret of key old is weak")
    assert "short-one" not in warning


@pytest.mark.parametrize("secret", ["test-key-0001", "xxxx", " short"])
def test_no_entry_can_say_that_any_other_weakness_is_taken(secret: str) -> None:
    assert len(problems_of(replace(LEGACY, secret=secret.encode(), accept_weak=True))) == 1


def test_one_secret_under_two_kids_is_refused() -> None:
    assert problems_of(GOOD, LEGACY, Key("twin", "legacy", GOOD.secret)) == ["keys good and twin have the same secret."]


def test_every_problem_is_told_and_no_secret() -> None:
    weak = [Key(kid, "legacy", f"short-{kid}".encode()) for kid in ("a", "b")]
    told = problems_of(*weak, Key("c", "legacy", b"short-b"))
    assert [text.partition(" is ")[0] for text in told[:3]] == [f"the secret of key {kid}" for kid in "abc"]
    assert told[3:] == ["keys b and c have the same secret."]
    assert "short-" not in str(told)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"not_after": NOW - timedelta(seconds=1)}, "key old has expired, not_after 2026-11-23T08:10:21+00:00"),
        (
            {"not_before": NOW + timedelta(days=2), "not_after": NOW + timedelta(days=1)},
            "key old ends before it begins",
        ),
        ({"terminals": frozenset()}, "key old is for no terminal there is"),
        ({"terminals": frozenset({98, 99})}, "key old is for no terminal there is"),
    ],
)
def test_a_ring_in_which_no_key_can_ever_sign_is_refused(limits: dict[str, Any], words: str) -> None:
    never = replace(LEGACY, **limits)
    assert problems_of(never) == [f"no key can ever sign: {words}."]
    assert problems_of(never, GOOD) == []


def test_a_ring_of_schemes_that_are_switched_off_is_refused() -> None:
    told = problems_of(LEGACY, replace(GOOD, not_after=NOW - timedelta(days=1)), schemes=frozenset({"v2"}))
    assert told == [
        "no key can ever sign: key old is of the scheme legacy, which is switched off; "
        "key good has expired, not_after 2026-11-22T08:10:22+00:00."
    ]
    assert problems_of() == ["no key can ever sign: there is none."]


def test_a_key_that_may_sign_later_or_in_its_last_second_is_one_that_can() -> None:
    assert problems_of(replace(GOOD, not_before=NOW + timedelta(days=1), terminals=frozenset({1, 99}))) == []
    assert problems_of(replace(GOOD, not_before=NOW, not_after=NOW)) == []


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, False), (0o604, True), (0o644, True)])
def test_a_file_that_everybody_can_read_is_warned_about(tmp_path: Path, mode: int, warned: bool) -> None:
    path = tmp_path / "keys.json"
    path.touch()
    path.chmod(mode)
    told = list(warnings(KeyRing((GOOD,)), path))
    assert [str(path) in text for text in told] == [True] * warned
    assert list(warnings(KeyRing((GOOD,)), tmp_path / "gone")) == []
