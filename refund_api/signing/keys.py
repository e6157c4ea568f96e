"""The key ring: the secrets shared with clients, read from JSON."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from .schemes import SCHEMES

_BYTE_ORDER_MARK: Final = "\ufeff"
_KID: Final = re.compile(r"[a-z0-9-]{1,32}")
_MEMBERS: Final = frozenset({"kid", "scheme", "secret", "not_before", "not_after", "terminals", "accept_weak"})


class KeyRingError(ValueError):
    """A key ring that cannot be read; the text names the key and never its secret."""


@dataclass(frozen=True, slots=True)
class Key:
    """A shared secret.

    `terminals` None means any. `not_before` and `not_after` are aware; None means no limit. With `accept_weak` the
    secret may be shorter than the scheme demands.
    """

    kid: str
    scheme: str
    secret: bytes = field(repr=False)
    not_before: datetime | None = None
    not_after: datetime | None = None
    terminals: frozenset[int] | None = None
    accept_weak: bool = False

    def is_active(self, now: datetime) -> bool:
        """Whether the key may sign now, for at least some terminal."""
        return (self.not_before is None or self.not_before <= now) and (self.not_after is None or now <= self.not_after)

    def serves(self, terminal: int, now: datetime) -> bool:
        """Whether the key may sign for this terminal now."""
        return (self.terminals is None or terminal in self.terminals) and self.is_active(now)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Every key, oldest first; several may be active, so that keys can be rotated."""

    keys: tuple[Key, ...] = ()

    @classmethod
    def from_json(cls, text: str) -> KeyRing:
        """Read `{"keys": [{"kid": …, "scheme": …, "secret": …}]}`; KeyRingError. _MEMBERS has all members."""
        try:
            entries = json.loads(text.removeprefix(_BYTE_ORDER_MARK), object_pairs_hook=_without_repeats)["keys"]
        except KeyRingError:
            raise
        except (ValueError, KeyError, TypeError, RecursionError):
            raise KeyRingError('the key ring must be JSON: {"keys": [{"kid": …, "scheme": …, "secret": …}]}') from None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise KeyRingError('"keys" of the key ring must be a list of objects')
        keys = tuple(_read_key(number, entry) for number, entry in enumerate(entries, 1))
        kids = [key.kid for key in keys]
        for kid in kids:
            if kids.count(kid) > 1:
                raise KeyRingError(f"key {kid}: two keys of the key ring have the same kid")
        return cls(keys)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. KeyRingError: it has a name twice, of which json would silently take the last."""
    values = dict(pairs)
    if len(values) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        kid = values.get("kid")
        where = f"key {kid}" if isinstance(kid, str) and _KID.fullmatch(kid) else "the key ring"
        raise KeyRingError(f"{where}: {repeated!r} is there twice in one object")
    return values


def _read_key(number: int, entry: dict[str, Any]) -> Key:
    kid, scheme, secret = entry.get("kid"), entry.get("scheme"), entry.get("secret")
    if not isinstance(kid, str) or not _KID.fullmatch(kid):
        raise KeyRingError(f"key {number}: kid must be 1 to 32 of a-z, 0-9 and -")
    if not isinstance(scheme, str) or scheme not in SCHEMES:
        raise KeyRingError(f"key {kid}: scheme must be one of: {', '.join(SCHEMES)}")
    if not isinstance(secret, str) or not secret or not secret.isprintable():
        raise KeyRingError(f"key {kid}: secret must be printable text that is not empty")
    unknown = entry.keys() - _MEMBERS
    if unknown:
        raise KeyRingError(f"key {kid}: unknown member {sorted(unknown)[0]!r}")
    terminals = entry.get("terminals")
    if terminals is not None and not (isinstance(terminals, list) and all(type(t) is int for t in terminals)):
        raise KeyRingError(f"key {kid}: terminals must be a list of numbers, or null for any")
    accept_weak = entry.get("accept_weak", False)
    if type(accept_weak) is not bool or (accept_weak and not SCHEMES[scheme].weak_taken):
        takers = ", ".join(name for name, row in SCHEMES.items() if row.weak_taken)
        raise KeyRingError(f"key {kid}: accept_weak must be true or false, and true only with the scheme: {takers}")
    return Key(
        kid,
        scheme,
        secret.encode(),
        _read_time(kid, entry, "not_before"),
        _read_time(kid, entry, "not_after"),
        None if terminals is None else frozenset(terminals),
        accept_weak,
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
