"""The key ring: the secrets shared with clients, read from JSON."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .schemes import SCHEMES


class KeyRingError(ValueError):
    """A key ring that cannot be read; the text names the key and never its secret."""


@dataclass(frozen=True, slots=True)
class Key:
    """A shared secret. `terminals` None means any; the times are aware and None means open."""

    kid: str
    scheme: str
    secret: bytes = field(repr=False)
    not_before: datetime | None = None
    not_after: datetime | None = None
    terminals: frozenset[int] | None = None

    def serves(self, terminal: int, now: datetime) -> bool:
        """Whether the key may sign for this terminal now."""
        return (
            (self.terminals is None or terminal in self.terminals)
            and (self.not_before is None or self.not_before <= now)
            and (self.not_after is None or now <= self.not_after)
        )


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Every key, oldest first; several may be active, so that keys can be rotated."""

    keys: tuple[Key, ...] = ()

    @classmethod
    def from_json(cls, text: str) -> KeyRing:
        """Read `{"keys": [{"kid", "scheme", "secret", "not_before", "not_after", "terminals"}]}`; KeyRingError."""
        try:
            entries = json.loads(text)["keys"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise KeyRingError('the key ring must be JSON: {"keys": [{"kid": …, "scheme": …, "secret": …}]}') from None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise KeyRingError('"keys" of the key ring must be a list of objects')
        keys = tuple(_read_key(number, entry) for number, entry in enumerate(entries, 1))
        if len({key.kid for key in keys}) != len(keys):
            raise KeyRingError("two keys of the key ring have the same kid")
        return cls(keys)


def _read_key(number: int, entry: dict[str, Any]) -> Key:
    kid, scheme, secret = entry.get("kid"), entry.get("scheme"), entry.get("secret")
    if not isinstance(kid, str) or not re.fullmatch(r"[a-z0-9-]{1,32}", kid):
        raise KeyRingError(f"key {number}: kid must be 1 to 32 of a-z, 0-9 and -")
    if not isinstance(scheme, str) or scheme not in SCHEMES:
        raise KeyRingError(f"key {kid}: scheme must be one of: {', '.join(SCHEMES)}")
    if not isinstance(secret, str) or not secret or not secret.isprintable():
        raise KeyRingError(f"key {kid}: secret must be printable text that is not empty")
    unknown = entry.keys() - {"kid", "scheme", "secret", "not_before", "not_after", "terminals"}
    if unknown:
        raise KeyRingError(f"key {kid}: unknown member {sorted(unknown)[0]!r}")
    terminals = entry.get("terminals")
    if terminals is not None and not (isinstance(terminals, list) and all(type(t) is int for t in terminals)):
        raise KeyRingError(f"key {kid}: terminals must be a list of numbers, or null for any")
    return Key(
        kid,
        scheme,
        secret.encode(),
        _read_time(kid, entry, "not_before"),
        _read_time(kid, entry, "not_after"),
        None if terminals is None else frozenset(terminals),
    )


def _read_time(kid: str, entry: dict[str, Any], name: str) -> datetime | None:
    value = entry.get(name)
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        time = None
    if time is None or time.tzinfo is None:
        raise KeyRingError(f"key {kid}: {name} must be a time with an offset, such as 2026-11-23T00:00:00Z")
    return time
