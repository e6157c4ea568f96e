"""Checks a key ring that could be read. Problems keep the service from starting, warnings do not.

Every text names the key and never its secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from datetime import datetime
from pathlib import Path
from typing import Final

from xml_contracts.refund import Terminal

from .keys import Key, KeyRing
from .schemes import SCHEMES

_SAMPLES: Final = frozenset(
    {
        "test-key-0001",
        "changeme",
        "change-me",
        "replace-with-64-random-hex-digits",
        "a public key for vectors, 40 characters.",
        "another public key for vectors, 2 of two",
        "2643dd3f90b3b2b923eba4119ca291dbecc5e07bd288beceadb6db2f2d28e09a",
    }
)
"""Secrets that are printed in public pages, ours included. Anyone who has read them could sign."""


def problems(ring: KeyRing, schemes: Set[str], now: datetime) -> Iterator[str]:
    """Why the service must not serve with this ring, a sentence for each reason. `schemes` are switched on."""
    for key in ring.keys:
        weakness = _weakness(key)
        if weakness is not None:
            yield f"the secret of key {key.kid} {weakness}."
    yield from _shared_secrets(ring)
    reasons = [_why_never(key, schemes, now) for key in ring.keys]
    if all(reasons):
        listed = "; ".join(f"key {key.kid} {reason}" for key, reason in zip(ring.keys, reasons, strict=True))
        yield f"no key can ever sign: {listed or 'there is none'}."


def warnings(ring: KeyRing, path: Path | None) -> Iterator[str]:
    """What an operator should mend at the next chance. `path` is the file the ring was read from, if it was one."""
    for key in ring.keys:
        if _is_short(key):
            yield f"the secret of key {key.kid} is weak: whoever sees one signed request can find it by guessing"
    if path is not None and _everybody_reads(path):
        yield f"everybody on this machine can read {path}; change that with: chmod o-rwx {path}"


def _weakness(key: Key) -> str | None:
    secret = key.secret.decode()
    if secret.strip().lower() in _SAMPLES:
        return "is a published sample"
    if len(set(secret)) == 1:
        return "is one character, repeated"
    if secret != secret.strip():
        return "begins or ends with a blank"
    if _is_short(key) and not key.accept_weak:
        scheme = SCHEMES[key.scheme]
        hint = '; if clients have it already, its entry may say "accept_weak": true' if scheme.weak_taken else ""
        return f"is shorter than {scheme.min_secret_bytes} bytes{hint}"
    return None


def _is_short(key: Key) -> bool:
    return len(key.secret) < SCHEMES[key.scheme].min_secret_bytes


def _shared_secrets(ring: KeyRing) -> Iterator[str]:
    owners: dict[bytes, str] = {}
    for key in ring.keys:
        owner = owners.setdefault(key.secret, key.kid)
        if owner != key.kid:
            yield f"keys {owner} and {key.kid} have the same secret."


def _why_never(key: Key, schemes: Set[str], now: datetime) -> str | None:
    if key.scheme not in schemes:
        return f"is of the scheme {key.scheme}, which is switched off"
    if key.not_after is not None and key.not_after < now:
        return f"has expired, not_after {key.not_after.isoformat()}"
    if key.not_after is not None and key.not_before is not None and key.not_after < key.not_before:
        return "ends before it begins"
    if key.terminals is not None and key.terminals.isdisjoint(Terminal):
        return "is for no terminal there is"
    return None


def _everybody_reads(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & 0o004)
    except OSError:
        return False
