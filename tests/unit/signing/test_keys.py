"""The key ring: what is read from JSON, and what is refused with the name of the key."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from refund_api.signing.keys import KeyRing, KeyRingError


def test_a_key_ring_is_read_from_json() -> None:
    ring = KeyRing.from_json(
        '{"keys": [{"kid": "web-2026a", "scheme": "legacy", "secret": "not telling",'
        ' "not_before": "2026-01-01T00:00:00+08:00", "not_after": null, "terminals": [1]}]}'
    )
    (key,) = ring.keys
    assert (key.kid, key.scheme, key.secret, key.not_after, key.terminals) == (
        "web-2026a",
        "legacy",
        b"not telling",
        None,
        frozenset({1}),
    )
    assert key.not_before == datetime(2025, 12, 31, 16, tzinfo=UTC)
    assert "not telling" not in repr(ring)


def test_a_byte_order_mark_before_a_key_ring_is_skipped() -> None:
    text = '{"keys": [{"kid": "a", "scheme": "v2", "secret": "s"}]}'
    assert KeyRing.from_json("\ufeff" + text) == KeyRing.from_json(text)


def test_a_key_may_accept_a_weak_secret_and_does_not_unless_it_says_so() -> None:
    entries = '{"kid": "a", "scheme": "legacy", "secret": "s", "accept_weak": true}, {"kid": "b", "scheme": "legacy", "secret": "t"}'
    assert [key.accept_weak for key in KeyRing.from_json(f'{{"keys": [{entries}]}}').keys] == [True, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be JSON"),
        ("[]", "must be JSON"),
        ("{}", "must be JSON"),
        ('{"keys": 5}', "list of objects"),
        ('{"keys": [5]}', "list of objects"),
        ('{"keys": [{}]}', "key 1: kid"),
        ('{"keys": [{"kid": "A", "scheme": "legacy", "secret": "s"}]}', "key 1: kid"),
        ('{"keys": [{"kid": "a", "scheme": "v9", "secret": "s"}]}', "key a: scheme"),
        ('{"keys": [{"kid": "a", "scheme": ["legacy"], "secret": "s"}]}', "key a: scheme"),
        ('{"keys": [{"kid": "a", "scheme": "legacy", "secret": ""}]}', "key a: secret"),
        ('{"keys": [{"kid": "a", "scheme": "legacy", "secret": 5}]}', "key a: secret"),
        ('{"keys": [{"kid": "a", "scheme": "legacy", "secret": "s\\ud800"}]}', "key a: secret"),
        ("[" * 100_000, "must be JSON"),
        ('{"keys": [{"kid": "a", "scheme": "legacy", "secret": "s", "notafter": null}]}', "unknown member 'notafter'"),
        ('{"keys": [{"kid": "a", "scheme": "legacy", "secret": "s", "not_after": "2026-01-01"}]}', "key a: not_after"),
        ('{"keys": [{"kid": "a", "scheme": "legacy", "secret": "s", "not_after": 5}]}', "key a: not_after"),
        ('{"keys": [{"kid": "a", "scheme": "legacy", "secret": "s", "terminals": 1}]}', "key a: terminals"),
        ('{"keys": [{"kid": "a", "scheme": "legacy", "secret": "s", "terminals": [true]}]}', "key a: terminals"),
        (
            '{"keys": [{"kid": "a", "scheme": "legacy", "secret": "s"}, {"kid": "a", "scheme": "legacy", "secret": "t"}]}',
            "key a: two keys",
        ),
        ('{"keys": [{"kid": "a", "scheme": "legacy", "secret": "s", "accept_weak": 1}]}', "key a: accept_weak"),
        ('{"keys": [{"kid": "a", "scheme": "v2", "secret": "s", "accept_weak": true}]}', "key a: accept_weak"),
        (
            '{"keys": [{"kid": "a", "scheme": "legacy", "secret": "s", "secret": "t"}]}',
            "key a: 'secret' is there twice",
        ),
        (
            '{"keys": [{"kid": 5, "scheme": "legacy", "secret": "s", "secret": "t"}]}',
            "the key ring: 'secret' is there twice",
        ),
        ('{"keys": [], "keys": []}', "the key ring: 'keys' is there twice"),
    ],
)
def test_a_bad_key_ring_names_the_key_and_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(KeyRingError, match=message):
        KeyRing.from_json(text)
